#include "host/cage/spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 declares C++ functions otherwise
}

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace tomada::cage {
namespace {

constexpr int k_socket = 3;
constexpr int k_plugin = 4;
/// The child's descriptors are made from numbers above, so that none is overwritten before it is used.
constexpr int k_source_min = 10;

Error failure(std::string_view what, int reason) {
  return fail(Errc::unavailable, std::string(what) + ": " + std::strerror(reason));
}

/// Opened anew: with a position and flags of its own, through which one worker could tell another something.
Result<Descriptor> reopened(int descriptor) {
  Descriptor file(::open(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failure("plugin", errno);
  return file;
}

Result<Descriptor> source(int descriptor, std::string_view what) {
  Descriptor copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, k_source_min));
  if (!copy) return failure(what, errno);
  return copy;
}

class Actions {
 public:
  Actions() { ::posix_spawn_file_actions_init(&actions_); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  // They fail for want of memory only.
  void move(const Descriptor& from, int to) { ::posix_spawn_file_actions_adddup2(&actions_, from.number(), to); }
  void close_from(int first) { ::posix_spawn_file_actions_addclosefrom_np(&actions_, first); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  Attributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    // A session of its own: Ctrl-C at the host's terminal is for the host.
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

/// Nothing of the host's: it may hold keys. Sanitizers need their options; looking for leaks needs what a cage forbids,
/// and a crash stays a signal, as in any other build.
std::vector<std::string> environment() {
  std::vector<std::string> entries{"TZ=UTC"};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  for (const char* const name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* const value = std::getenv(name);
    entries.push_back(std::string(name) + "=" + (value != nullptr ? value : "") +
                      (std::string_view(name) == "UBSAN_OPTIONS" ? "" : ":detect_leaks=0:handle_segv=0:handle_sigbus=0"));
  }
#endif
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Result<Spawned> spawn_worker(const ProcessOptions& options) {
  int sockets[2], pipe[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return failure("socketpair", errno);
  const Descriptor childs_socket(sockets[1]);
  Spawned spawned{.socket = Descriptor(sockets[0])};
  if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return failure("pipe", errno);
  const Descriptor childs_errors(pipe[1]);
  spawned.errors = Descriptor(pipe[0]);
  ::fcntl(pipe[0], F_SETPIPE_SZ, static_cast<int>(k_last_words_bytes_max));  // a larger one does as well
  if (::fcntl(sockets[0], F_SETFL, O_NONBLOCK) != 0) return failure("socket", errno);
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return failure("/dev/null", errno);

  TOMADA_TRY_ASSIGN(const Descriptor null_source, source(null.number(), "/dev/null"));
  TOMADA_TRY_ASSIGN(const Descriptor errors_source, source(childs_errors.number(), "stderr"));
  TOMADA_TRY_ASSIGN(const Descriptor socket_source, source(childs_socket.number(), "socket"));
  Descriptor plugin_source;
  if (options.plugin >= 0) {
    TOMADA_TRY_ASSIGN(const Descriptor file, reopened(options.plugin));
    TOMADA_TRY_ASSIGN(plugin_source, source(file.number(), "plugin"));
  }
  Actions actions;
  actions.move(null_source, 0);
  actions.move(null_source, 1);
  actions.move(errors_source, 2);
  actions.move(socket_source, k_socket);
  if (plugin_source) actions.move(plugin_source, k_plugin);
  actions.close_from(plugin_source ? k_plugin + 1 : k_plugin);

  std::vector<std::string> arguments{options.program.string()};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> variables = environment();
  const Attributes attributes;
  const int refused = ::posix_spawn(&spawned.pid, options.program.c_str(), actions.get(), attributes.get(),
                                    pointers(arguments).data(), pointers(variables).data());
  if (refused != 0) return failure("start " + options.program.string(), refused);

  spawned.pidfd = Descriptor(::pidfd_open(spawned.pid, O_NONBLOCK));  // PIDFD_NONBLOCK
  if (!spawned.pidfd) {
    const int reason = errno;
    ::kill(spawned.pid, SIGKILL);
    ::waitpid(spawned.pid, nullptr, 0);
    return failure("pidfd_open", reason);
  }
  return spawned;
}

}  // namespace tomada::cage
