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
    if (waiting_.size() < wake_at_) return true;
  }
  changed_.notify_one();
  return true;
}

std::size_t WorkQueue::waiting_count() {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
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

void WorkQueue::gather(std::size_t count, std::chrono::microseconds timeout) {
  std::unique_lock lock(mutex_);
  wake_at_ = std::max<std::size_t>(1, std::min(count, waiting_max_));
  changed_.wait_for(lock, timeout, [&] { return closed_ || waiting_.size() >= wake_at_; });
  wake_at_ = 1;
}

void WorkQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace tomada::store::sqlite
