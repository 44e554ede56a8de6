// Where the calls of a worker run: each on a task of its own, or on a thread of its own.
#pragma once

#include "host/runtime/loop.hpp"
#include "host/worker/channel.hpp"
#include "host/worker/line.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace tomada::worker {

/// Loop thread; `work` runs wherever the call does.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Runs `work(line)` and then, on the loop, `done()`; without `work` when there was no memory for it. False: neither
  /// runs, there is no thread for it or the id is in use.
  virtual bool run(std::uint64_t call_id, std::optional<std::chrono::milliseconds> time_left,
                   std::function<void(Line&)> work, std::function<void()> done) = 0;
  /// Nothing happens when there is no such call.
  virtual void cancel(std::uint64_t call_id, Errc reason) = 0;
  /// False: the call does not wait for an answer.
  virtual bool answer(std::uint64_t call_id, std::string_view body) = 0;
  /// No answer comes any more: every question has CANCELLED for an answer.
  virtual void end() = 0;
};

std::unique_ptr<Runner> make_task_runner(runtime::Loop& loop, Channel& channel, std::size_t stack_bytes);
std::unique_ptr<Runner> make_thread_runner(runtime::Loop& loop, Channel& channel, std::size_t stack_bytes);

}  // namespace tomada::worker
