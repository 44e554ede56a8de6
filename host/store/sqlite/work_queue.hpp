// A bounded queue of work between the loops and the database threads.
#pragma once

#include <chrono>
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

  [[nodiscard]] std::size_t waiting_count();
  /// False when it is full.
  [[nodiscard]] bool try_push(Work& work);
  /// Waits for work, then moves up to `count_max` pieces of it to `taken`, oldest first. False: closed and empty.
  bool take(std::vector<Work*>& taken, std::size_t count_max);
  /// For the only consumer, before take(): returns when `count` pieces wait, after `timeout`, or when it is closed.
  void gather(std::size_t count, std::chrono::microseconds timeout);
  /// What waits is still taken; nothing new may come.
  void close();

 private:
  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work*> waiting_;
  std::size_t wake_at_{1};  // consumers are told from this many on
  bool closed_{false};
};

}  // namespace tomada::store::sqlite
