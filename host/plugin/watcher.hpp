// Tells what changes in a directory, by inotify.
#pragma once

#include "host/plugin/directory.hpp"
#include "host/runtime/task.hpp"

#include <chrono>
#include <filesystem>
#include <memory>

namespace tomada::plugin {

/// One loop's thread. Names of *.so only. Nothing is lost: what cannot be told one by one is `all`.
class Watcher {
 public:
  Watcher(runtime::Loop& loop, std::filesystem::path dir);
  ~Watcher();  // nobody waits
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// From now on, in place of what was watched under that name before. UNAVAILABLE: the kernel's words.
  Result<void> start();
  /// False before start(), and when the directory went away or was renamed.
  [[nodiscard]] bool works() const;
  /// What changed since it was asked last; waits for it, at most so long. Empty: nothing, or the task was interrupted.
  Changes wait(runtime::Task& task, std::chrono::milliseconds at_most);

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared with the read that the loop has pending
};

}  // namespace tomada::plugin
