#include "host/cage/process.hpp"

#include "host/base/assert.hpp"
#include "host/cage/spawn.hpp"
#include "host/runtime/task.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 declares C++ functions otherwise
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

namespace tomada::cage {
namespace {

/// Rounds over the list of threads until none is new; a storm of threads is stopped by its limit, not here.
constexpr int k_demote_rounds_max = 8;

std::chrono::microseconds to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// The most that this process ever had resident. A child that shared our memory until its exec starts with it.
std::uint64_t own_rss_max_bytes() {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  return static_cast<std::uint64_t>(own.ru_maxrss) * 1024;
}

/// Field `number` of /proc/PID/stat, counted from 1; only those behind the name in parentheses (from 3).
std::uint64_t stat_field(std::string_view line, int number) {
  std::size_t at = line.rfind(')');
  if (at == std::string_view::npos) return 0;
  ++at;
  for (int field = 3; field < number && at != std::string_view::npos; ++field) at = line.find(' ', at + 1);
  if (at == std::string_view::npos) return 0;
  std::uint64_t value = 0;
  std::from_chars(line.data() + at + 1, line.data() + line.size(), value);
  return value;
}

}  // namespace

std::string ProcessEnd::text() const {
  if (signal == 0) return "exited with code " + std::to_string(exit_code);
  const char* const name = ::sigabbrev_np(signal);
  return "ended by signal " + std::to_string(signal) + (name != nullptr ? " (SIG" + std::string(name) + ")" : "");
}

struct Process::State : std::enable_shared_from_this<State> {
  State(runtime::Loop& on, Spawned spawned, std::uint64_t host_rss)
      : pid(spawned.pid), socket(std::move(spawned.socket)), errors(std::move(spawned.errors)),
        host_rss_max_bytes(host_rss), pidfd(on.io(), spawned.pidfd.release()) {
    ::clock_getcpuclockid(pid, &cpu_clock);
    // Opened now: it stays readable whatever becomes of the child's rights, and never means another process.
    stat = Descriptor(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  }
  ~State() {
    if (end) return;
    kill();  // the loop is gone before the child: wait for it here
    (void)reap(0);
  }

  void watch() {
    pidfd.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [self = shared_from_this()](const boost::system::error_code&) {
                       if (!self->reap(WNOHANG)) return self->watch();
                       self->tell();
                     });
  }

  void kill() noexcept {
    if (!end) (void)::pidfd_send_signal(pidfd.native_handle(), SIGKILL, nullptr, 0);
  }

  /// True when it has ended, which sets `end`. `options` 0 waits for that.
  bool reap(int options) {
    siginfo_t info{};
    rusage used{};
    long result = 0;
    do {
      result = ::syscall(SYS_waitid, P_PIDFD, pidfd.native_handle(), &info, WEXITED | options, &used);
      // The pidfd does not block, so waitid on it does not either.
    } while (result != 0 && (errno == EINTR || (errno == EAGAIN && options == 0 && block())));
    if (result != 0 && errno == EAGAIN) return false;
    if (result == 0 && info.si_pid == 0) return false;
    TOMADA_ASSERT(result == 0);  // somebody else reaped it
    end.emplace();
    (info.si_code == CLD_EXITED ? end->exit_code : end->signal) = info.si_status;
    end->cpu = to_duration(used.ru_utime) + to_duration(used.ru_stime);
    const std::uint64_t counted = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
    end->rss_max_bytes = counted > host_rss_max_bytes ? counted : rss_max_bytes;
    drain_errors();
    end->last_words = printable(last_words);
    errors.reset();
    stat.reset();
    boost::system::error_code ignored;
    pidfd.close(ignored);
    return true;
  }

  bool block() {
    pollfd wanted{.fd = pidfd.native_handle(), .events = POLLIN, .revents = 0};
    (void)::poll(&wanted, 1, -1);
    return true;
  }

  void tell() {
    for (runtime::Wait* const waiting : std::exchange(waiters, {})) waiting->wake();
    if (on_end) std::exchange(on_end, nullptr)(*end);
  }

  /// What fits the pipe, once for each call: whoever floods it loses the rest.
  void drain_errors() {
    std::array<char, k_last_words_bytes_max> piece;
    const ssize_t count = ::read(errors.number(), piece.data(), piece.size());
    if (count <= 0) return;
    last_words.append(piece.data(), static_cast<std::size_t>(count));
    if (last_words.size() > k_last_words_bytes_max) last_words.erase(0, last_words.size() - k_last_words_bytes_max);
  }

  static std::string printable(std::string text) {
    for (char& c : text)
      if (c != '\n' && (c < ' ' || c > '~')) c = '?';
    return text;
  }

  pid_t pid;
  Descriptor socket, errors, stat;
  clockid_t cpu_clock{};
  std::uint64_t host_rss_max_bytes;
  std::uint64_t rss_max_bytes{};
  std::string last_words;
  boost::asio::posix::stream_descriptor pidfd;
  std::optional<ProcessEnd> end;
  std::vector<runtime::Wait*> waiters;
  std::function<void(const ProcessEnd&)> on_end;
};

Result<std::unique_ptr<Process>> Process::start(runtime::Loop& loop, const ProcessOptions& options) {
  const std::uint64_t host_rss_max_bytes = own_rss_max_bytes();
  TOMADA_TRY_ASSIGN(Spawned spawned, spawn_worker(options));
  auto state = std::make_shared<State>(loop, std::move(spawned), host_rss_max_bytes);
  state->watch();
  return std::unique_ptr<Process>(new Process(std::move(state)));
}

Process::Process(std::shared_ptr<State> state) : state_(std::move(state)) {}

Process::~Process() {
  state_->on_end = nullptr;
  state_->socket.reset();
  state_->kill();
}

Descriptor Process::take_socket() {
  TOMADA_ASSERT(state_->socket);
  return std::move(state_->socket);
}

pid_t Process::pid() const { return state_->pid; }
bool Process::ended() const { return state_->end.has_value(); }
void Process::kill() noexcept { state_->kill(); }

Result<ProcessEnd> Process::wait(runtime::Task& task) {
  const std::shared_ptr<State> state = state_;
  if (!state->end) {
    runtime::Wait waiting(task);
    state->waiters.push_back(&waiting);
    const auto waited = waiting.wait();
    std::erase(state->waiters, &waiting);
    if (waited.has_error() && !state->end) return waited.error();
  }
  return *state->end;
}

void Process::on_end(std::function<void(const ProcessEnd&)> ended) {
  state_->on_end = std::move(ended);
  if (!state_->end) return;
  boost::asio::post(state_->pidfd.get_executor(), [weak = std::weak_ptr(state_)] {
    if (const auto state = weak.lock(); state && state->on_end) std::exchange(state->on_end, nullptr)(*state->end);
  });
}

Result<Usage> Process::usage() {
  if (state_->end) return fail(Errc::not_found, "the worker has ended");
  state_->drain_errors();
  std::array<char, 1024> line;
  const ssize_t count = ::pread(state_->stat.number(), line.data(), line.size(), 0);
  timespec cpu{};
  if (count <= 0 || ::clock_gettime(state_->cpu_clock, &cpu) != 0)
    return fail(Errc::not_found, std::string("the worker cannot be measured: ") + std::strerror(errno));
  const std::string_view text(line.data(), static_cast<std::size_t>(count));
  const Usage usage{
      .cpu = std::chrono::seconds(cpu.tv_sec) + std::chrono::microseconds(cpu.tv_nsec / 1000),
      .rss_bytes = stat_field(text, 24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
      .threads_count = stat_field(text, 20),
  };
  state_->rss_max_bytes = std::max(state_->rss_max_bytes, usage.rss_bytes);
  return usage;
}

bool Process::demote() noexcept {
  if (state_->end) return true;
  const std::filesystem::path tasks = "/proc/" + std::to_string(state_->pid) + "/task";
  for (int round = 0; round < k_demote_rounds_max; ++round) {
    bool changed = false;
    std::error_code error;
    for (std::filesystem::directory_iterator at(tasks, error), last; !error && at != last; at.increment(error)) {
      const pid_t thread = std::atoi(at->path().filename().c_str());
      if (::sched_getscheduler(thread) == SCHED_IDLE) continue;
      const sched_param none{};
      if (::sched_setscheduler(thread, SCHED_IDLE, &none) != 0 && errno != ESRCH) return false;
      changed = true;
    }
    if (error) return false;
    if (!changed) return true;
  }
  return true;
}

}  // namespace tomada::cage
