#include "host/store/sqlite/work_queue.hpp"

#include "host/base/assert.hpp"

#include <algorithm>

namespace tomada::store::sqlite {

bool WorkQueue::try_push(Work& work) {
  {
    const std::lock_guard lock(mutex_);
    TOMADA_ASSERT(!closed_);
    if (waiting_.size() >= waiting_max_) return false;
    waiting_.push_back(&work);
  }
  changed_.notify_one();
  return true;
}

bool WorkQueue::take(std::vector<Work*>& taken, std::size_t count_max) {
  taken.clear();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
  const auto count = static_cast<std::ptrdiff_t>(std::min(count_max, waiting_.size()));
  taken.assign(waiting_.begin(), waiting_.begin() + count);
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return !taken.empty();
}

void WorkQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace tomada::store::sqlite
