// The host's side of one worker process: start, watch, measure, end.
#pragma once

#include "host/base/result.hpp"
#include "host/cage/descriptor.hpp"
#include "host/runtime/loop.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tomada::runtime {
class Task;
}

namespace tomada::cage {

/// What is kept of a worker's stderr: of what came before each sample of usage() as much as the pipe holds; of all that,
/// the newest.
inline constexpr std::size_t k_last_words_bytes_max = 4096;

struct ProcessOptions {
  std::filesystem::path program;
  std::vector<std::string> arguments{};  // after the program's name
  int plugin{-1};                        // becomes descriptor 4 of the child; borrowed; -1: none
};

struct ProcessEnd {
  int exit_code{-1};  // -1: ended by a signal
  int signal{0};
  std::chrono::microseconds cpu{};
  /// Never more than it was; what was used between two samples of usage() may be missing when the host itself is larger.
  std::uint64_t rss_max_bytes{};
  std::string last_words{};  // of stderr; the plugin's text, printable: nothing to rely on

  /// "ended by signal 11 (SIGSEGV)", "exited with code 3".
  [[nodiscard]] std::string text() const;
};

struct Usage {
  std::chrono::microseconds cpu{};
  std::uint64_t rss_bytes{};
  std::size_t threads_count{};
};

/// A child in a session of its own, with an empty environment and no descriptor but: 0 and 1 /dev/null, 2 a small pipe
/// that loses what does not fit, 3 one end of a stream socket, 4 the plugin. Loop thread only. It dies with the thread
/// that started it (PR_SET_PDEATHSIG, set by seal_before_load) and sees end of file on its socket.
/// Started -> ended (known by its pidfd; reaped at that moment). Nothing else in the host may reap children.
class Process {
 public:
  /// posix_spawn: a host of any size starts one in the same time. `loop` outlives it. UNAVAILABLE with the system's reason.
  static Result<std::unique_ptr<Process>> start(runtime::Loop& loop, const ProcessOptions& options);
  /// Kills; the loop reaps it when it is gone, so nobody waits.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// The host's end: non-blocking, close-on-exec, the caller's from then on. Once.
  [[nodiscard]] Descriptor take_socket();
  [[nodiscard]] pid_t pid() const;
  [[nodiscard]] bool ended() const;
  /// SIGKILL. No effect on one that has ended.
  void kill() noexcept;

  /// Suspends until it has ended. CANCELLED or DEADLINE when the task was interrupted before; it goes on then.
  Result<ProcessEnd> wait(runtime::Task& task);
  /// `ended(end)` runs once, from the loop's own frame, never within this call; not after the destructor. It may destroy
  /// the Process.
  void on_end(std::function<void(const ProcessEnd&)> ended);

  /// Now. CPU to the microsecond; three system calls. NOT_FOUND when it has ended.
  Result<Usage> usage();
  /// All its threads run only when nobody else wants to (SCHED_IDLE), and those they start. False when the system
  /// refuses: a host that is root without CAP_SYS_NICE.
  bool demote() noexcept;

 private:
  struct State;
  explicit Process(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // with the handler that waits for the end, which outlives us
};

}  // namespace tomada::cage
