// A bounded queue of work between the loops and the database threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

namespace tomada::store::sqlite {

class Work;

/// Thread-safe.
class WorkQueue {
 public:
  explicit WorkQueue(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// False when it is full.
  [[nodiscard]] bool try_push(Work& work);
  /// Waits for work, then moves up to `count_max` pieces of it to `taken`, oldest first. False: closed and empty.
  bool take(std::vector<Work*>& taken, std::size_t count_max);
  /// What waits is still taken; nothing new may come.
  void close();

 private:
  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work*> waiting_;
  bool closed_{false};
};

}  // namespace tomada::store::sqlite
