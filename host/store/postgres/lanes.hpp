// A bounded queue of work for the database threads, in which writes that would wait for each other's locks wait together.
#pragma once

#include "host/store/postgres/session.hpp"
#include "host/store/work.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace tomada::store::postgres {

using Work = store::Work<Connection, Terms>;

/// What the work shares with others: a tenant's lane. Empty: nothing.
std::string lane_of(const Terms& terms);

/* Thread-safe. Work without a lane runs by itself, as soon as a thread is free. Of a lane (Terms::lane) one thread at a time
 * has work; what comes meanwhile is taken together next, so a lane's commits are as few as the disk is slow. */
class Lanes {
 public:
  explicit Lanes(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// False when it is full.
  [[nodiscard]] bool try_push(Work& work);
  /// Waits for work, then moves one piece of it to `taken`, and up to `count_max` of the same lane, oldest first. The lane is
  /// the caller's until leave(). False: closed and empty.
  bool take(std::vector<Work*>& taken, std::size_t count_max);
  /// `lane` is lane_of() what was taken, which itself may be gone. Nothing happens when it is empty.
  void leave(const std::string& lane);
  /// What waits is still taken; nothing new may come.
  void close();

 private:
  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t waiting_count_{0};
  std::deque<Work*> ready_;                                   // for any thread; of each lane at most one
  std::unordered_map<std::string, std::deque<Work*>> lanes_;  // that have one in ready_ or at a thread: what waits behind it
  bool closed_{false};
};

}  // namespace tomada::store::postgres
