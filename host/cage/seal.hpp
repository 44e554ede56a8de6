// What a worker does to itself around the load of a plugin: it gives away everything but one socket. Two steps, both
// called by the worker's main thread.
#pragma once

#include "host/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace tomada::cage {

struct SealOptions {
  int socket{-1};                     // stays open, besides 0, 1, 2 and `plugin`
  int plugin{-1};                     // sealed memfd, loaded through /proc/self/fd/N; -1: none
  bool threads{false};                // may start threads (Go); never processes
  std::size_t threads_max{64};        // tasks of the process in all, its first one included
  std::uint64_t memory_max_bytes{0};  // private writable memory, the heap and stacks of threads; 0: no limit
};

/// What holds from now on. False is not an error: an older kernel or a container gives less, and the host decides.
struct Protections {
  int landlock_abi{0};             // 0: none. From 1 no file is opened, from 4 no TCP, from 6 no signals to others
  bool seccomp{false};             // what is not on the list of calls fails with EPERM
  bool no_new_privileges{false};
  bool not_dumpable{false};        // other processes of the same user neither trace it nor read its memory
  bool user_namespace{false};
  bool network_namespace{false};   // IPC and host name as well
  bool unprivileged_user{false};   // not root's user id: a host that runs as root gives it to nobody (65534)
  bool task_limit{false};          // threads_max is the kernel's business; without it the host must look at usage()
  bool memory_limit{false};        // memory_max_bytes likewise
  bool sanitizer{false};           // built with ASan or TSan: no memory limit, more calls on the list

  /// "Landlock 7, seccomp, …; missing: memory limit", for a log.
  [[nodiscard]] std::string text() const;
};

/// Before any code of the plugin. The process has one thread and no event loop yet. After it dlopen of the memfd works
/// and creating an event loop; constructors of the plugin already run in the cage. UNAVAILABLE when one of the parts
/// fails that every supported kernel has; the process must end then.
Result<Protections> seal_before_load(const SealOptions& options);

/// After the plugin's entry and after the event loop was created: no descriptor is opened or made any more, and nothing
/// becomes executable. Covers threads that run already. UNAVAILABLE as above.
Result<void> seal_after_load(const SealOptions& options);

}  // namespace tomada::cage
