// One task at a time, of all loops: for short pieces of work that suspend, such as a write to the store.
#pragma once

#include "host/runtime/task.hpp"

#include <deque>
#include <mutex>
#include <utility>

namespace tomada::plugin {

/// Thread-safe; first come, first served. Outlives its turns. Whoever has a turn ends by itself and soon, so the wait for one is
/// not interruptible.
class Gate {
 public:
  /// Lets the next one in when it goes; on any loop.
  class Turn {
   public:
    explicit Turn(Gate& gate) : gate_(&gate) {}
    Turn(Turn&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (gate_ != nullptr) gate_->give();
    }

   private:
    Gate* gate_;
  };

  Turn take(runtime::Task& task) {
    runtime::Wait wait(task);
    {
      const std::lock_guard lock(mutex_);
      if (!busy_) {
        busy_ = true;
        return Turn(*this);
      }
      waiting_.push_back(&wait);
    }
    (void)wait.wait(runtime::Interruptible::no);
    return Turn(*this);
  }

 private:
  void give() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      busy_ = false;
      return;
    }
    runtime::Wait* const next = waiting_.front();  // it waits until it is woken
    waiting_.pop_front();
    next->task().loop().post([next] { next->wake(); });
  }

  std::mutex mutex_;
  bool busy_{false};
  std::deque<runtime::Wait*> waiting_;  // no more than there are tasks
};

}  // namespace tomada::plugin
