#include "host/cage/filter.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>

namespace tomada::cage {
namespace {

// Only calls on what is open already, on own memory, own time, own signals. A list for both phases: without arguments
// to compare the kernel remembers the answer for each number, so these cost nothing.
constexpr int k_always[] = {
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(fstat),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(membarrier),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage), SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getegid), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit), SCMP_SYS(exit_group),
};

// What an event loop is made of, and fstat as glibc 2.36 writes it (it takes paths too: a constructor can learn whether
// one exists). seccomp(2) installs the second list.
constexpr int k_load[] = {
    SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(newfstatat), SCMP_SYS(seccomp),
};

// The sanitizers' runtimes look around in /proc (Landlock answers), map their shadow as they like, and try by a pipe whether
// memory can be read.
constexpr int k_sanitizers[] = {
    SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(prctl), SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(newfstatat),
    SCMP_SYS(stat), SCMP_SYS(readlink), SCMP_SYS(getdents64), SCMP_SYS(ioctl), SCMP_SYS(getrlimit), SCMP_SYS(getppid),
    SCMP_SYS(personality), SCMP_SYS(pipe), SCMP_SYS(pipe2),
};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release) {
    if (!context_) error_ = ENOMEM;
    // NO_NEW_PRIVS is set already, and the first list refuses to set it again.
    set(SCMP_FLTATR_CTL_NNP, 0);
    set(SCMP_FLTATR_CTL_TSYNC, 1);
    set(SCMP_FLTATR_CTL_OPTIMIZE, 2);
    set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
  }
  void allow(int call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
    add(SCMP_ACT_ALLOW, call, arguments);
  }
  void refuse(int call, int code) { add(SCMP_ACT_ERRNO(static_cast<std::uint32_t>(code)), call, {}); }
  [[nodiscard]] Result<void> load() {
    if (error_ == 0) keep(seccomp_load(context_.get()));
    if (error_ != 0) return fail(Errc::unavailable, std::string("seccomp: ") + std::strerror(error_));
    return {};
  }

 private:
  void keep(int result) {
    if (result != 0 && error_ == 0) error_ = result < 0 ? -result : result;
  }
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (error_ == 0) keep(seccomp_attr_set(context_.get(), attribute, value));
  }
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments) {
    if (error_ == 0)
      keep(seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(arguments.size()),
                                  arguments.size() == 0 ? nullptr : arguments.begin()));
  }
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
  int error_{0};
};

constexpr scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}
constexpr scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

// Only what counts towards RLIMIT_DATA: nothing shared, and nothing of a stack's kind, which grows down. mremap is not on
// the list, because it would make the first stack as large as one likes; realloc copies then. Nothing is writable and
// executable, at no time; the only code that can be mapped is that of files that can be opened, which is the sealed one.
void allow_memory(Filter& filter, Phase phase) {
  filter.allow(SCMP_SYS(mmap), {masked(2, PROT_EXEC, 0), masked(3, 0x0f | MAP_GROWSDOWN, MAP_PRIVATE)});
  filter.allow(SCMP_SYS(mprotect), {masked(2, PROT_EXEC, 0)});
  if (phase == Phase::run) return;
  filter.allow(SCMP_SYS(mmap), {masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
                                masked(3, 0x0f | MAP_ANONYMOUS, MAP_PRIVATE)});
}

void allow_threads(Filter& filter) {
  // A thread of this process that shares everything with it; the rest says where its id and its thread-locals are.
  constexpr std::uint64_t k_thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  constexpr std::uint64_t k_free =
      CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED;
  filter.allow(SCMP_SYS(clone), {masked(0, 0xffff'ffff & ~k_free, k_thread)});
}

/// Go's run time makes a pipe beside its epoll descriptor, to wake its own threads, and ends the process when it cannot.
/// Flags of a plain pipe only: O_EXCL would make it one of the kernel's notifications (watch_queue), O_DIRECT one of packets.
void allow_pipe(Filter& filter) {
  filter.allow(SCMP_SYS(pipe2), {masked(1, 0xffff'ffff & ~std::uint64_t{O_CLOEXEC | O_NONBLOCK}, 0)});
}

}  // namespace

Result<void> install_filter(Phase phase, Threads threads) {
  Filter filter;
  for (const int call : k_always) filter.allow(call);
  if (phase == Phase::load)
    for (const int call : k_load) filter.allow(call);

  // To a connected socket only: no address.
  filter.allow(SCMP_SYS(sendto), {is(4, 0)});
  filter.allow(SCMP_SYS(tgkill), {is(0, static_cast<std::uint64_t>(::getpid()))});
  filter.allow(SCMP_SYS(prlimit64), {is(0, 0), is(2, 0)});  // reading
  for (const std::uint64_t command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL})
    filter.allow(SCMP_SYS(fcntl), {is(1, command)});
  // libc falls back from clone3, whose flags a filter cannot see, only for ENOSYS.
  filter.refuse(SCMP_SYS(clone3), ENOSYS);
  if (threads == Threads::yes) allow_threads(filter);

  if (k_sanitizer) {
    for (const int call : k_sanitizers)
      if (phase == Phase::run || call != SCMP_SYS(newfstatat)) filter.allow(call);
    return filter.load();
  }
  for (const std::uint64_t command : {FIONBIO, FIONREAD}) filter.allow(SCMP_SYS(ioctl), {is(1, command)});
  filter.allow(SCMP_SYS(prctl), {is(0, PR_SET_NAME)});
  allow_memory(filter, phase);
  if (phase == Phase::load && threads == Threads::yes) allow_pipe(filter);
  // As the dynamic linker opens files; what may be opened is Landlock's answer.
  if (phase == Phase::load)
    filter.allow(SCMP_SYS(openat), {masked(2, 0xffff'ffff & ~std::uint64_t{O_CLOEXEC}, O_RDONLY)});
  return filter.load();
}

}  // namespace tomada::cage
