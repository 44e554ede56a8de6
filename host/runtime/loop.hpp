// One thread's event loop: an io_context, timers on the injected clock, stacks, and the tasks that live on it.
#pragma once

#include "host/runtime/clock.hpp"
#include "host/runtime/stack_pool.hpp"

#include <boost/asio/error.hpp>  // before spawn.hpp: Boost 1.81 misses it there
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/set.hpp>

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace tomada::runtime {

class Task;
class Loop;

/// A one-shot timer on a loop's clock. Lives at least until it fired or was cancelled; loop thread only.
class Timer : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  explicit Timer(std::function<void()> fire) : fire_(std::move(fire)) {}
  void start(Loop& loop, SteadyTime due);
  void cancel() { if (is_linked()) unlink(); }
  [[nodiscard]] bool running() const { return is_linked(); }
  friend bool operator<(const Timer& a, const Timer& b) { return a.due_ < b.due_; }

 private:
  friend class Loop;
  SteadyTime due_{};
  std::function<void()> fire_;
};

/// Everything but post() and stop() belongs to the loop's own thread.
class Loop {
 public:
  explicit Loop(const Clock& clock, std::size_t index = 0);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until stop(). The calling thread becomes the loop's thread.
  void run();
  /// Runs until `done` is true; for commands and tests that drive one task to its end.
  void run_until(const std::function<bool()>& done);
  /// Runs what is ready and what is due, without waiting; true if anything ran. For tests on a manual clock.
  bool run_ready();
  /// Any thread. run() returns after the handler that is running now.
  void stop();

  /// Runs `fn` on the loop's thread, later. Any thread.
  template <class F>
  void post(F&& fn) {
    boost::asio::post(io_, std::forward<F>(fn));
  }

  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] bool on_thread() const { return thread_ == std::this_thread::get_id(); }

  /// The pool whose stacks have at least this many bytes.
  StackPool& stacks(std::size_t stack_bytes);
  [[nodiscard]] std::size_t tasks_count() const { return tasks_count_; }
  /// Ends every wait of every task on this loop with CANCELLED; the first half of a shutdown.
  void cancel_tasks();

 private:
  friend class Timer;
  friend class Task;
  void enter(Task& task);
  void leave(Task& task);
  void make_ready(Task& task);
  void run_ready_tasks();
  void arm();
  std::size_t fire_due();

  const Clock& clock_;
  std::size_t index_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread::id thread_;
  boost::asio::steady_timer timer_;
  SteadyTime armed_{SteadyTime::max()};
  boost::intrusive::multiset<Timer, boost::intrusive::constant_time_size<false>> timers_;
  std::vector<std::unique_ptr<StackPool>> stacks_;
  struct Tasks;
  std::unique_ptr<Tasks> tasks_;
  std::size_t tasks_count_{0};
  bool ready_posted_{false};
};

/// The loops of a process, one thread each; started and stopped together.
class Loops {
 public:
  Loops(const Clock& clock, std::size_t count);
  ~Loops();  // stop() first

  void start();
  /// Stops accepting nothing by itself: cancels all tasks, waits until none is left, then ends the threads.
  void stop();

  [[nodiscard]] Loop& at(std::size_t index) { return *loops_[index % loops_.size()]; }
  [[nodiscard]] std::size_t count() const { return loops_.size(); }

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace tomada::runtime
