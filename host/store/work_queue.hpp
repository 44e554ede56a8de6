// A bounded queue of work between the loops and the database threads, and the way back for many at once.
#pragma once

#include "host/base/assert.hpp"
#include "host/runtime/loop.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace tomada::store {

/// Thread-safe. It should be destroyed after its threads, which may be waiting in take().
template <class Work>
class WorkQueue {
 public:
  explicit WorkQueue(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// False when it is full.
  [[nodiscard]] bool try_push(Work& work) {
    {
      const std::lock_guard lock(mutex_);
      TOMADA_ASSERT(!closed_);
      if (waiting_.size() >= waiting_max_) return false;
      waiting_.push_back(&work);
    }
    changed_.notify_one();
    return true;
  }

  /// Waits for work, then moves up to `count_max` pieces of it to `taken`, oldest first. False: closed and empty.
  bool take(std::vector<Work*>& taken, std::size_t count_max) {
    taken.clear();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
    const auto count = static_cast<std::ptrdiff_t>(std::min(count_max, waiting_.size()));
    taken.assign(waiting_.begin(), waiting_.begin() + count);
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    return !taken.empty();
  }

  /// What waits is still taken; nothing new may come.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work*> waiting_;
  bool closed_{false};
};

/// One message for each loop, not one for each task: waking a thread costs more than most pieces of work.
template <class Work>
void wake_all(std::span<Work* const> works) {
  std::vector<std::pair<runtime::Loop*, std::vector<Work*>>> by_loop;
  for (Work* work : works) {
    auto place = std::find_if(by_loop.begin(), by_loop.end(), [&](const auto& one) { return one.first == &work->loop(); });
    if (place == by_loop.end()) place = by_loop.insert(place, {&work->loop(), {}});
    place->second.push_back(work);
  }
  for (auto& [loop, ended] : by_loop)
    loop->post([ended = std::move(ended)] {
      for (Work* work : ended) work->wake();
    });
}

}  // namespace tomada::store
