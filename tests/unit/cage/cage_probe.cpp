// A worker for the tests of host/cage/: seals itself and does what its first argument says.
//   try HOST SIBLING FILE ABSTRACT PORT   loads descriptor 4, tries everything, reports on descriptor 3
//   threads MAX WANTED                    with threads; tries everything else
//   pipes                                 with threads; which pipes can be made before and after the second seal
//   loop, wait, spin, segv, abort, exit3, overflow, throw, memory, shout, environment, host
#include "host/cage/process.hpp"
#include "host/cage/seal.hpp"
#include "tests/unit/cage/attempts.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::cage_test {
namespace {

constexpr int k_socket = 3;
constexpr int k_plugin = 4;

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(k_socket, text.data(), text.size());
    if (count <= 0) std::_Exit(97);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

[[noreturn]] void fail_with(const std::string& why) {
  say("probe: " + why + "\n");
  std::_Exit(98);
}

void seal(const cage::SealOptions& options) {
  const auto sealed = cage::seal_before_load(options);
  if (sealed.has_error()) fail_with(sealed.error().message);
  say("sealed: " + sealed->text() + "\n");
}

void finish_seal(const cage::SealOptions& options) {
  const auto finished = cage::seal_after_load(options);
  if (finished.has_error()) fail_with(finished.error().message);
}

void seal_whole(const cage::SealOptions& options) {
  seal(options);
  finish_seal(options);
}

int try_everything(char** arguments) {
  const cage::SealOptions options{.socket = k_socket, .plugin = k_plugin, .memory_max_bytes = 256 << 20};
  seal(options);
  void* const plugin = ::dlopen("/proc/self/fd/4", RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) fail_with(::dlerror());
  const auto report = reinterpret_cast<const char* (*)()>(::dlsym(plugin, "cage_constructor_report"));
  say("constructor:\n");
  say(report());
  finish_seal(options);
  const Targets targets{.host_pid = std::atoi(arguments[2]), .sibling_pid = std::atoi(arguments[3]),
                        .secret_file = arguments[4], .abstract_socket = arguments[5],
                        .tcp_port = std::atoi(arguments[6])};
  say("sealed again:\n");
  say(attempt_all(targets, false));
  say("again: dlopen " + std::string(::dlopen("/proc/self/fd/4", RTLD_NOW) == plugin ? "same" : "refused") + "\n");
  say("needs:\n");
  say(need_all());
  return 0;
}

int threads(char** arguments) {
  const cage::SealOptions options{
      .socket = k_socket, .threads = true, .threads_max = static_cast<std::size_t>(std::atoi(arguments[2]))};
  const int host_pid = ::getppid();
  seal_whole(options);
  const int wanted = std::atoi(arguments[3]);
  for (int round = 0; round < 3; ++round) say("started " + std::to_string(start_threads(wanted)) + "\n");
  say(attempt_all({.host_pid = host_pid}, true));
  return 0;
}

int pipes() {
  const cage::SealOptions options{.socket = k_socket, .threads = true};
  const auto try_all = [](const char* when) {
    for (const auto& [name, flags] : {std::pair{"plain", O_CLOEXEC | O_NONBLOCK}, std::pair{"packets", O_DIRECT}, std::pair{"notifications", O_EXCL}}) {
      int two[2];
      const bool made = ::pipe2(two, flags) == 0;
      say(std::string(when) + " " + name + (made ? " works\n" : errno == EPERM ? " refused\n" : " fails\n"));
    }
  };
  seal(options);
  try_all("load");
  finish_seal(options);
  try_all("run");
  return 0;
}

/// The objects exist before the second seal; the loop runs after it.
int loop() {
  const cage::SealOptions options{.socket = k_socket};
  seal(options);
  boost::asio::io_context io(1);
  boost::asio::local::stream_protocol::socket socket(io, boost::asio::local::stream_protocol(), k_socket);
  boost::asio::steady_timer timer(io);
  finish_seal(options);
  std::string text(4, ' ');
  timer.expires_after(std::chrono::milliseconds(1));
  timer.async_wait([&](const boost::system::error_code& error) {
    if (error) std::_Exit(90);
    boost::asio::async_read(socket, boost::asio::buffer(text), [&](const boost::system::error_code& failed, std::size_t) {
      if (failed) std::_Exit(91);
      boost::asio::async_write(socket, boost::asio::buffer(text), [](const boost::system::error_code& lost, std::size_t) {
        if (lost) std::_Exit(92);
      });
    });
  });
  io.run();
  return 0;
}

[[noreturn]] void spin() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  for (int number = 1; number < 65; ++number) ::signal(number, SIG_IGN);
  say("ready\n");
  for (volatile unsigned long turns = 0;;) turns = turns + 1;
}

[[gnu::noinline]] std::size_t overflow(std::size_t depth) {
  volatile char frame[512];
  frame[depth % sizeof frame] = 1;
  return depth == ~std::size_t{0} ? 0 : overflow(depth + 1) + static_cast<std::size_t>(frame[0]);
}

/// A host of its own, with a worker that spins: says its id and waits to be killed.
int host(char* program) {
  runtime::SystemClock clock;
  runtime::Loop loop(clock);
  auto worker = cage::Process::start(loop, {.program = program, .arguments = {"spin"}});
  if (worker.has_error()) fail_with(worker.error().message);
  const cage::Descriptor socket = (*worker)->take_socket();
  // Blocking reads: this program does nothing else.
  std::string text;
  for (char byte = 0; text.find("ready") == std::string::npos;) {
    if (::read(socket.number(), &byte, 1) == 1) text += byte;
    else if (errno != EAGAIN) fail_with("no worker: " + text);
  }
  say("worker " + std::to_string((*worker)->pid()) + "\n");
  char byte = 0;
  (void)!::read(k_socket, &byte, 1);
  return 0;
}

int die(std::string_view way) {
  seal_whole({.socket = k_socket, .memory_max_bytes = std::uint64_t{128} << 20});
  if (way == "segv") *reinterpret_cast<volatile int*>(64) = 1;  // not null, which UBSan would report
  if (way == "abort") std::abort();
  if (way == "exit3") std::exit(3);
  if (way == "overflow") return static_cast<int>(overflow(0));
  if (way == "throw") throw std::runtime_error("the last words");
  if (way == "memory") {
    for (std::vector<std::string> much;;) much.emplace_back(1 << 20, 'x');
  }
  if (way == "shout") {
    const std::string line(1000, '!');
    for (int i = 0; i < 10'000; ++i) (void)!::write(2, line.data(), line.size());
    return 0;
  }
  if (way == "spin") spin();
  say("ready\n");
  char byte = 0;
  while (::read(k_socket, &byte, 1) > 0) say(std::string_view(&byte, 1));
  return 0;
}

}  // namespace
}  // namespace tomada::cage_test

int main(int count, char** arguments) {
  using namespace tomada::cage_test;
  const std::string_view what = count > 1 ? arguments[1] : "";
  if (what == "try" && count == 7) return try_everything(arguments);
  if (what == "threads" && count == 4) return threads(arguments);
  if (what == "pipes") return pipes();
  if (what == "loop") return loop();
  if (what == "host") return host(arguments[0]);
  if (what == "environment") {
    std::string text;
    for (char** entry = environ; *entry != nullptr; ++entry) text += std::string(*entry) + "\n";
    for (int number = 0; number < 100; ++number)
      if (::fcntl(number, F_GETFD) >= 0) text += "descriptor " + std::to_string(number) + "\n";
    if (const int mode = ::fcntl(k_plugin, F_GETFL); mode >= 0)
      text += (mode & O_ACCMODE) == O_RDONLY ? "plugin read-only at " + std::to_string(::lseek(k_plugin, 0, SEEK_CUR)) + "\n" : "";
    say(text);
    return 0;
  }
  return die(what);
}
