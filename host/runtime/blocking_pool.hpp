// Threads for work that blocks: files, databases, long computations. The io threads never wait for a disk.
#pragma once

#include "host/runtime/task.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace tomada::runtime {

/// Bounded in threads and in waiting work. Destroyed after every task that uses it has ended.
class BlockingPool {
 public:
  struct Options {
    std::size_t threads_count{2};
    std::size_t waiting_max{10'000};
  };
  explicit BlockingPool(Options options);
  ~BlockingPool();  // does what was accepted, then ends the threads

  /// False when `waiting_max` pieces wait already. Any thread.
  [[nodiscard]] bool try_submit(std::function<void()> work);

 private:
  void work();
  Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_{false};
  std::vector<std::thread> threads_;
};

/// Runs `fn()` (which returns a Result) on the pool while the task is suspended. Not interruptible: `fn` may refer to
/// the task's stack. UNAVAILABLE when the pool is full; then `fn` did not run.
template <class F>
std::invoke_result_t<F&> run_blocking(Task& task, BlockingPool& pool, F fn) {
  std::optional<std::invoke_result_t<F&>> result;
  Wait wait(task);
  const bool accepted = pool.try_submit([&] {
    result.emplace(fn());
    task.loop().post([&wait] { wait.wake(); });
  });
  if (!accepted) return fail(Errc::unavailable, "too much blocking work is waiting; try again");
  (void)wait.wait(Interruptible::no);
  return std::move(*result);
}

}  // namespace tomada::runtime
