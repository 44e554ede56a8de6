// A process of its own for plugin code that runs in the host's own way: the host's program again, closed off as a worker is.
#pragma once

#include "host/cage/descriptor.hpp"
#include "host/check/trial.hpp"

#include <filesystem>
#include <memory>

namespace tomada::check {

/// The hidden word of the command line that makes this program such a child.
inline constexpr const char* k_child_word = "plugin-check-child";
/// Its main function: the exit code.
int child_main();

/// The parent's side. One task.
class Child {
 public:
  /// `program`: this one. `plugin`: sealed bytes. UNAVAILABLE: it could not be started.
  static Result<std::unique_ptr<Child>> start(runtime::Task& task, const std::filesystem::path& program, int plugin,
                                              const Setup& setup);
  ~Child();

  /// Whatever happens, an observation: `crash` says how the process ended, or that it had to be ended after `timeout`.
  /// After a crash it cannot be used any more.
  Observation run(runtime::Task& task, const Job& job, std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit Child(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::check
