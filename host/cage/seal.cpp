#include "host/cage/seal.hpp"

#include "host/cage/filter.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::cage {
namespace {

/// Descriptors of the event loop and of dlopen beside those that are open already.
constexpr rlim_t k_descriptors_max = 32;
constexpr rlim_t k_stack_bytes_max = 8 * 1024 * 1024;
constexpr uid_t k_nobody = 65534;
/// Addresses that may be reserved beside the memory: Go's arenas, malloc's for each thread. Page tables count towards no
/// other limit, and are a 512th of this at most.
constexpr rlim_t k_reserved_bytes_max = rlim_t{16} << 30;

Error failure(std::string_view what) {
  return fail(Errc::unavailable, std::string(what) + ": " + std::strerror(errno));
}

// linux/landlock.h of Debian 12 ends at ABI 2.
struct LandlockRuleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

LandlockRuleset everything(int abi) {
  LandlockRuleset rules{.handled_access_fs = (1u << 13) - 1, .handled_access_net = 0, .scoped = 0};
  if (abi >= 2) rules.handled_access_fs |= 1u << 13;  // to link or rename over directories
  if (abi >= 3) rules.handled_access_fs |= 1u << 14;  // truncate
  if (abi >= 4) rules.handled_access_net = 3;         // bind and connect TCP
  if (abi >= 5) rules.handled_access_fs |= 1u << 15;  // ioctl on devices
  if (abi >= 6) rules.scoped = 3;                     // abstract Unix sockets; signals to processes outside
  return rules;
}

/// Handles all access that this kernel's Landlock knows, and has no rule that allows any. Returns the ABI; 0: none.
Result<int> forbid_files() {
  constexpr unsigned k_version = 1;
  const auto abi = static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, k_version));
  if (abi < 1) return 0;
  const LandlockRuleset rules = everything(abi);
  const auto ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0));
  if (ruleset < 0) return failure("landlock_create_ruleset");
  const long restricted = ::syscall(SYS_landlock_restrict_self, ruleset, 0);
  const int reason = errno;
  ::close(ruleset);
  errno = reason;
  if (restricted != 0) return failure("landlock_restrict_self");
  return abi;
}

Result<void> close_others(const SealOptions& options) {
  std::array<int, 5> kept{0, 1, 2, options.socket, options.plugin};
  std::sort(kept.begin(), kept.end());
  int next = 0;
  for (const int keep : kept) {
    if (keep > next &&
        ::close_range(static_cast<unsigned>(next), static_cast<unsigned>(keep - 1), 0) != 0)
      return failure("close_range");
    next = std::max(next, keep + 1);
  }
  if (::close_range(static_cast<unsigned>(next), ~0u, 0) != 0) return failure("close_range");
  return {};
}

/// The environment is the one that Process gives: nothing to hide in it.
void use_utc() {
  ::setenv("TZ", "UTC", 1);
  ::tzset();  // reads its file now; later it could not
}

/// A root host's worker takes the user id of nobody, so that the kernel's limits count for it.
void leave_user_and_namespaces(Protections& protections) {
  constexpr int k_apart = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  if (::geteuid() == 0) {
    protections.network_namespace = ::unshare(k_apart) == 0;
    protections.unprivileged_user = ::setgroups(0, nullptr) == 0 && ::setresgid(k_nobody, k_nobody, k_nobody) == 0 &&
                                    ::setresuid(k_nobody, k_nobody, k_nobody) == 0;
  } else {
    protections.unprivileged_user = true;
  }
  if (!protections.network_namespace && ::unshare(CLONE_NEWUSER | k_apart) == 0) {
    protections.user_namespace = protections.network_namespace = true;
  } else {
    protections.user_namespace = ::unshare(CLONE_NEWUSER) == 0;
  }
}

/// Capabilities over the own user namespace, or root's.
Result<void> drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return failure("capset");
  return {};
}

Result<void> set_limits(const SealOptions& options, Protections& protections) {
  std::vector<std::pair<__rlimit_resource, rlim_t>> limits{
      {RLIMIT_CORE, 0},
      {RLIMIT_FSIZE, 0},
      {RLIMIT_MEMLOCK, 0},
      {RLIMIT_MSGQUEUE, 0},
      {RLIMIT_STACK, k_stack_bytes_max},
      {RLIMIT_NOFILE, static_cast<rlim_t>(std::max({options.socket, options.plugin, 2}) + 1) + k_descriptors_max},
  };
  if (options.memory_max_bytes != 0 && !k_sanitizer) {
    limits.emplace_back(RLIMIT_DATA, options.memory_max_bytes);
    limits.emplace_back(RLIMIT_AS, options.memory_max_bytes + k_reserved_bytes_max);
    protections.memory_limit = true;
  }
  // Counted for each user and user namespace; without one of its own other workers would count.
  if (protections.user_namespace && protections.unprivileged_user)
    limits.emplace_back(RLIMIT_NPROC, options.threads ? options.threads_max : 1);
  protections.task_limit = !options.threads || (protections.user_namespace && protections.unprivileged_user);
  for (const auto& [resource, wanted] : limits) {
    rlimit limit{};
    ::getrlimit(resource, &limit);
    limit.rlim_cur = limit.rlim_max = std::min(wanted, limit.rlim_max);
    if (::setrlimit(resource, &limit) != 0) return failure("setrlimit");
  }
  return {};
}

/// After the change of user, which resets both. The signal comes when the host's thread ends that started us; a host
/// that was gone before left a closed socket.
Result<void> die_with_host(int socket) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failure("PR_SET_PDEATHSIG");
  pollfd end{.fd = socket, .events = POLLRDHUP, .revents = 0};
  if (::poll(&end, 1, 0) == 1 && (end.revents & (POLLHUP | POLLRDHUP)) != 0)
    return fail(Errc::unavailable, "the host is gone");
  return {};
}

}  // namespace

std::string Protections::text() const {
  std::string there, missing;
  const auto say = [](std::string& list, std::string_view word) {
    if (!list.empty()) list += ", ";
    list += word;
  };
  say(landlock_abi > 0 ? there : missing, landlock_abi > 0 ? "Landlock " + std::to_string(landlock_abi) : "Landlock");
  const std::pair<bool, std::string_view> parts[] = {
      {seccomp, "seccomp"},
      {no_new_privileges, "no new privileges"},
      {not_dumpable, "not dumpable"},
      {user_namespace, "user namespace"},
      {network_namespace, "network namespace"},
      {unprivileged_user, "unprivileged user"},
      {task_limit, "task limit"},
      {memory_limit, "memory limit"},
  };
  for (const auto& [holds, name] : parts) say(holds ? there : missing, name);
  if (sanitizer) there += " (a sanitizer build allows more calls)";
  return missing.empty() ? there : there + "; missing: " + missing;
}

Result<Protections> seal_before_load(const SealOptions& options) {
  Protections protections{.sanitizer = k_sanitizer};
  TOMADA_TRY(close_others(options));
  use_utc();
  if (::chdir("/") != 0) return failure("chdir");
  leave_user_and_namespaces(protections);
  TOMADA_TRY(drop_capabilities());
  TOMADA_TRY(set_limits(options, protections));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("PR_SET_NO_NEW_PRIVS");
  protections.no_new_privileges = true;
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failure("PR_SET_DUMPABLE");
  protections.not_dumpable = true;
  TOMADA_TRY(die_with_host(options.socket));
  TOMADA_TRY_ASSIGN(protections.landlock_abi, forbid_files());
  TOMADA_TRY(install_filter(Phase::load, options.threads ? Threads::yes : Threads::no));
  protections.seccomp = true;
  return protections;
}

Result<void> seal_after_load(const SealOptions& options) {
  return install_filter(Phase::run, options.threads ? Threads::yes : Threads::no);
}

}  // namespace tomada::cage
