// Calls of one instance, one at a time when its plugin is serial.
#pragma once

#include "host/runtime/task.hpp"

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <utility>

namespace tomada::abi {

/// One loop's thread. Outlives its turns.
class Turns {
 public:
  /// Gives the turn back when it goes.
  class Turn {
   public:
    explicit Turn(Turns* turns = nullptr) : turns_(turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->give();
    }

   private:
    Turns* turns_;
  };

  explicit Turns(bool serial) : serial_(serial) {}

  /// Waits, first come, first served. CANCELLED, DEADLINE, or UNAVAILABLE when too many wait.
  Result<Turn> take(runtime::Task& task);
  [[nodiscard]] std::size_t calls_count() const { return calls_count_; }  // that have a turn or wait for one

 private:
  struct Waiting : boost::intrusive::list_base_hook<> {
    explicit Waiting(runtime::Task& task) : wait(task) {}
    runtime::Wait wait;
  };
  Result<void> wait(runtime::Task& task);
  void give();

  const bool serial_;
  bool busy_{false};  // serial: a call has the turn
  std::size_t calls_count_{0};
  boost::intrusive::list<Waiting> waiting_;
};

}  // namespace tomada::abi
