// A task is a stackful coroutine on one loop. Straight-line code; it suspends only inside functions that take a Task&.
#pragma once

#include "host/base/assert.hpp"
#include "host/base/result.hpp"
#include "host/runtime/exception_state.hpp"
#include "host/runtime/loop.hpp"

#include <boost/asio/spawn.hpp>
#include <boost/intrusive/list.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace tomada::runtime {

using Yield = boost::asio::basic_yield_context<boost::asio::io_context::executor_type>;

class Wait;

/// Loop thread only.
class Task : public boost::intrusive::list_base_hook<> {
 public:
  Task(std::string_view name, Loop& loop, Deadline deadline, Yield yield);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  [[nodiscard]] Loop& loop() const { return loop_; }
  [[nodiscard]] const Clock& clock() const { return loop_.clock(); }
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] Deadline deadline() const { return deadline_; }
  /// Narrows the deadline; a later one changes nothing.
  void set_deadline(Deadline deadline);
  /// For a task that does many pieces of work, each with its own time: a later deadline counts as well. An interruption
  /// that has happened stays.
  void replace_deadline(Deadline deadline);

  /// The error that interruptible waits return from now on; nothing while the task may go on.
  [[nodiscard]] std::optional<Errc> interruption() const;
  /// Ends the current interruptible wait and all later ones. The first reason counts.
  void interrupt(Errc reason);
  [[nodiscard]] Result<void> check() const;

  /// Lets what is ready run first. One turn of the loop; not interruptible, because it waits for nothing.
  void yield();

  /// For Asio operations: `task.await([&](Yield yield) { return socket.async_read_some(buffer, yield[ec]); })`.
  template <class Operation>
  auto await(Operation&& operation) {
    const ExceptionState state = take_exception_state();
    struct Restore {
      const ExceptionState& state;
      ~Restore() { put_exception_state(state); }
    } restore{state};
    return std::forward<Operation>(operation)(yield_);
  }

 private:
  friend class Wait;
  using Resume = boost::asio::async_result<Yield, void()>::handler_type;

  friend class Loop;

  void suspend();
  /// Puts a suspended task among the loop's ready ones; does nothing when it is there already, or running.
  void resume();
  /// Goes on with it now, from the loop's own frame.
  void enter();

  std::string_view name_;
  Loop& loop_;
  Deadline deadline_;
  Yield yield_;
  std::optional<Errc> interruption_;
  Wait* waiting_{nullptr};
  std::optional<Resume> resume_;
  boost::intrusive::list_member_hook<> ready_;
  std::optional<Timer> deadline_timer_;
};

enum class Interruptible : bool { no, yes };

/// What one task waits for, once. Lives on the task's stack, so whoever calls wake() must know that the task still
/// waits: with Interruptible::no it always does.
class Wait {
 public:
  explicit Wait(Task& task) : task_(task) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  /// Loop thread. Before or after the task began to wait; a second one does nothing.
  void wake();
  /// Suspends until wake(). CANCELLED or DEADLINE when the task was interrupted first (Interruptible::yes).
  Result<void> wait(Interruptible interruptible = Interruptible::yes);
  [[nodiscard]] bool woken() const { return woken_; }
  [[nodiscard]] Task& task() const { return task_; }

 private:
  friend class Task;
  Task& task_;
  bool woken_{false};
  Interruptible interruptible_{Interruptible::yes};
};

/// Waits on the task's clock; 0 lets the others run first.
Result<void> sleep_for(Task& task, std::chrono::nanoseconds duration);

/// Reports an exception that left a task; it never ends the process by itself.
void report_task_exception(std::string_view name, std::exception_ptr error) noexcept;

/// Starts `fn(task)` on `loop` (its thread, or before it runs). `name` outlives the task: a literal.
/// The only caller of asio::spawn.
template <std::invocable<Task&> F>
void spawn(std::string_view name, Loop& loop, Deadline deadline, F fn,
           std::size_t stack_bytes = k_stack_bytes_default) {
  boost::asio::spawn(
      loop.io().get_executor(), std::allocator_arg, StackAllocator{&loop.stacks(stack_bytes)},
      [name, &loop, deadline, fn = std::move(fn)](Yield yield) mutable {
        Task task(name, loop, deadline, yield);
        fn(task);
      },
      [name](std::exception_ptr error) {
        if (error) report_task_exception(name, error);
      });
}

/// Runs `fn(task)` on `loop`, driven by the calling thread, and returns its value. For commands and tests.
template <class F>
auto run(Loop& loop, F fn) {
  std::optional<std::invoke_result_t<F&, Task&>> value;
  bool done = false;
  spawn("run", loop, Deadline::never(), [&](Task& task) {
    value.emplace(fn(task));
    done = true;
  }, k_stack_bytes_max);
  loop.run_until([&] { return done; });
  return std::move(*value);
}

}  // namespace tomada::runtime
