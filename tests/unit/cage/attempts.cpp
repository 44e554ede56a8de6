#include "tests/unit/cage/attempts.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

namespace tomada::cage_test {
namespace {

class Log {
 public:
  /// `result` below 0 with errno is a refusal.
  void attempt(const char* name, const std::function<long()>& attempted) {
    errno = 0;
    const long result = attempted();
    const int reason = errno;
    text_ += name;
    text_ += result < 0 ? std::string(" refused (") + ::strerrorname_np(reason) + ")\n" : " WORKED\n";
  }
  [[nodiscard]] std::string text() { return std::move(text_); }

 private:
  std::string text_;
};

long connect_tcp(int port) {
  const int number = ::socket(AF_INET, SOCK_STREAM, 0);
  if (number < 0) return -1;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(number, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

long connect_abstract(const std::string& name) {
  const int number = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (number < 0) return -1;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  name.copy(to.sun_path + 1, sizeof to.sun_path - 2);
  return ::connect(number, reinterpret_cast<const sockaddr*>(&to),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
}

/// A process that was born after all is gone before this returns.
long child(long pid) {
  if (pid == 0) ::_exit(0);
  if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return pid;
}

long read_memory(pid_t pid) {
  char byte = 0;
  const iovec to{&byte, 1}, from{&byte, 1};
  return ::process_vm_readv(pid, &to, 1, &from, 1, 0);
}

long map(int protection, int flags) {
  void* const at = ::mmap(nullptr, 4096, protection, flags, -1, 0);
  return at == MAP_FAILED ? -1 : 0;
}

long raise_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (::prlimit(0, resource, nullptr, &limit) != 0) return -1;
  limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1;
  return ::setrlimit(resource, &limit);
}

long become_executable() {
  void* const at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? -1 : ::mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

/// Both would be memory that RLIMIT_DATA does not count.
long grow_stack() {
  const auto page = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) & ~std::uintptr_t{4095};
  void* const at = ::mremap(reinterpret_cast<void*>(page), 0, 4096, MREMAP_MAYMOVE);
  return at == MAP_FAILED ? -1 : 0;
}

long many_descriptors() {
  constexpr int k_many = 1000;
  for (int i = 0; i < k_many; ++i)
    if (::fcntl(0, F_DUPFD, 0) < 0 && ::dup(0) < 0 && ::epoll_create1(0) < 0) return -1;
  return 0;
}

}  // namespace

std::string attempt_all(const Targets& targets, bool threads_allowed) {
  Log log;
  const std::string host = "/proc/" + std::to_string(targets.host_pid);
  const std::string sibling = "/proc/" + std::to_string(targets.sibling_pid);
  log.attempt("socket_tcp", [] { return ::socket(AF_INET, SOCK_STREAM, 0); });
  log.attempt("socket_udp", [] { return ::socket(AF_INET6, SOCK_DGRAM, 0); });
  log.attempt("socket_unix", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); });
  log.attempt("socket_netlink", [] { return ::socket(AF_NETLINK, SOCK_RAW, 0); });
  log.attempt("socketpair", [] { int two[2]; return ::socketpair(AF_UNIX, SOCK_STREAM, 0, two); });
  log.attempt("connect_tcp", [&] { return connect_tcp(targets.tcp_port); });
  log.attempt("connect_abstract", [&] { return connect_abstract(targets.abstract_socket); });
  log.attempt("open_passwd", [] { return ::open("/etc/passwd", O_RDONLY); });
  log.attempt("open_secret", [&] { return ::open(targets.secret_file.c_str(), O_RDONLY); });
  log.attempt("open_path_only", [&] { return ::open(targets.secret_file.c_str(), O_PATH); });
  log.attempt("open_syscall", [&] { return ::syscall(SYS_open, targets.secret_file.c_str(), O_RDONLY); });
  log.attempt("open_folder", [] { return ::open("/", O_RDONLY | O_DIRECTORY); });
  log.attempt("open_null", [] { return ::open("/dev/null", O_RDONLY); });
  log.attempt("open_own_maps", [] { return ::open("/proc/self/maps", O_RDONLY); });
  log.attempt("open_own_memory", [] { return ::open("/proc/self/mem", O_RDWR); });
  log.attempt("open_host_memory", [&] { return ::open((host + "/mem").c_str(), O_RDONLY); });
  log.attempt("open_host_environ", [&] { return ::open((host + "/environ").c_str(), O_RDONLY); });
  log.attempt("open_sibling_memory", [&] { return ::open((sibling + "/mem").c_str(), O_RDONLY); });
  log.attempt("create_file", [] { return ::open("/tmp/tomada_cage_attempt", O_WRONLY | O_CREAT, 0600); });
  log.attempt("truncate", [&] { return ::truncate(targets.secret_file.c_str(), 0); });
  log.attempt("unlink", [&] { return ::unlink(targets.secret_file.c_str()); });
  log.attempt("chmod", [&] { return ::chmod(targets.secret_file.c_str(), 0777); });
  log.attempt("exec", [] {
    const char* const arguments[] = {"true", nullptr};
    return ::execve("/bin/true", const_cast<char* const*>(arguments), nullptr);
  });
  log.attempt("exec_plugin", [] {
    const char* const arguments[] = {"plugin", nullptr};
    return ::syscall(SYS_execveat, 4, "", arguments, nullptr, 0x1000);
  });
  log.attempt("ptrace_host", [&] { return ::ptrace(PTRACE_SEIZE, targets.host_pid, nullptr, nullptr); });
  log.attempt("ptrace_sibling", [&] { return ::ptrace(PTRACE_SEIZE, targets.sibling_pid, nullptr, nullptr); });
  log.attempt("kill_host", [&] { return ::kill(targets.host_pid, 0); });
  log.attempt("kill_sibling", [&] { return ::kill(targets.sibling_pid, 0); });
  log.attempt("kill_everybody", [] { return ::kill(-1, 0); });
  log.attempt("tgkill_host", [&] { return ::syscall(SYS_tgkill, targets.host_pid, targets.host_pid, 0); });
  log.attempt("sigqueue_host", [&] { return ::sigqueue(targets.host_pid, 0, {}); });
  log.attempt("pidfd_open_host", [&] { return ::syscall(SYS_pidfd_open, targets.host_pid, 0); });
  log.attempt("read_sibling", [&] { return read_memory(targets.sibling_pid); });
  log.attempt("read_host", [&] { return read_memory(targets.host_pid); });
  log.attempt("priority_host", [&] { return ::setpriority(PRIO_PROCESS, static_cast<id_t>(targets.host_pid), 19); });
  log.attempt("own_schedule", [] { const sched_param none{}; return ::sched_setscheduler(0, SCHED_OTHER, &none); });
  log.attempt("fork", [] { return child(::syscall(SYS_fork)); });
  log.attempt("vfork", [] { return child(::syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)); });
  log.attempt("fork_libc", [] { return child(::fork()); });
  log.attempt("clone_new_namespace", [] { return child(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); });
  if (!threads_allowed) log.attempt("thread", [] { errno = EAGAIN; return start_threads(1) == 0 ? -1 : 0; });
  log.attempt("map_executable", [] { return map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS); });
  log.attempt("map_writable_code", [] { return map(PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS); });
  log.attempt("make_executable", become_executable);
  log.attempt("map_shared", [] { return map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS); });
  log.attempt("map_growing_down", [] { return map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN); });
  log.attempt("grow_stack", grow_stack);
  log.attempt("memfd", [] { return ::memfd_create("x", 0); });
  log.attempt("pipe", [] { int two[2]; return ::pipe(two); });
  log.attempt("pipe2", [] { int two[2]; return ::syscall(SYS_pipe2, two, O_CLOEXEC | O_NONBLOCK); });
  log.attempt("write_plugin", [] { return ::pwrite(4, "x", 1, 0); });
  log.attempt("bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); });
  log.attempt("io_uring", [] { io_uring_params none{}; return ::syscall(SYS_io_uring_setup, 8, &none); });
  log.attempt("userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0); });
  log.attempt("perf", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); });
  log.attempt("keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 1); });
  log.attempt("add_key", [] { return ::syscall(SYS_add_key, "user", "x", "y", 1, -3); });
  log.attempt("unshare", [] { return ::unshare(CLONE_NEWUSER); });
  log.attempt("setns", [] { return ::setns(0, 0); });
  log.attempt("mount", [] { return ::syscall(SYS_mount, "none", "/", "tmpfs", 0, nullptr); });
  log.attempt("chroot", [] { return ::chroot("/"); });
  log.attempt("setuid", [] { return ::syscall(SYS_setuid, 0); });
  log.attempt("personality", [] { return ::syscall(SYS_personality, 0x0400000); });
  log.attempt("raise_memory", [] { return raise_limit(RLIMIT_DATA); });
  log.attempt("raise_files", [] { return raise_limit(RLIMIT_NOFILE); });
  log.attempt("dumpable", [] { return ::prctl(PR_SET_DUMPABLE, 1); });
  log.attempt("outlive_host", [] { return ::prctl(PR_SET_PDEATHSIG, 0); });
  log.attempt("shared_memory", [] { return ::syscall(SYS_shmget, 0, 4096, 01600); });
  log.attempt("message_queue", [] { return ::syscall(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, nullptr); });
  log.attempt("many_descriptors", many_descriptors);
  return log.text();
}

}  // namespace tomada::cage_test
