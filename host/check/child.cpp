#include "host/check/child.hpp"

#include "host/cage/file_bytes.hpp"
#include "host/cage/process.hpp"
#include "host/cage/seal.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace tomada::check {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

// As cage::Process hands them over.
constexpr int k_socket = 3;
constexpr int k_plugin = 4;
constexpr std::size_t k_line_bytes_max = 512 * 1024 * 1024;

std::string line_of(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

void tell(const json& document) {
  if (!cage::write_whole(k_socket, line_of(document))) std::_Exit(1);
}

/// Nothing at the end of the socket.
std::optional<json> read_line(std::string& rest) {
  std::size_t end = 0;
  while ((end = rest.find('\n')) == std::string::npos) {
    char piece[64 * 1024];
    const ssize_t count = ::read(k_socket, piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    rest.append(piece, static_cast<std::size_t>(count));
  }
  json document = json::parse(rest.substr(0, end), nullptr, false);
  rest.erase(0, end + 1);
  return document;
}

}  // namespace

int child_main() {
  std::signal(SIGPIPE, SIG_IGN);
  std::string rest;
  const auto first = read_line(rest);
  if (!first) return 1;
  const auto setup = setup_from_document(*first);
  if (setup.has_error()) return 1;
  const cage::SealOptions options{.socket = k_socket, .plugin = k_plugin, .threads = setup->threads, .threads_max = k_threads_max,
                                  .memory_max_bytes = k_memory_bytes_max};
  spdlog::set_level(spdlog::level::off);
  if (cage::seal_before_load(options).has_error()) return 1;
  abi::Manifest manifest;
  manifest.id = setup->plugin_id;
  const auto plugin = abi::LoadedPlugin::load("/proc/self/fd/" + std::to_string(k_plugin), manifest);
  if (cage::seal_after_load(options).has_error()) return 1;
  const Endless endless = [](const Observation& seen) {
    Observation told = seen;
    told.crash = "asked for " + std::to_string(seen.asked_after_end_count) + " services after its call was over";
    tell(told);
    std::_Exit(0);
  };
  while (const auto job = read_line(rest)) {
    Observation seen;
    if (plugin.has_error()) {
      seen.status = to_string(plugin.error().code);
      seen.message = plugin.error().message;
    } else {
      seen = run_here(*plugin, *setup, job->get<Job>(), endless);
    }
    tell(seen);
  }
  std::_Exit(0);  // the plugin's statics may be anything
}

struct Child::Impl {
  Impl(runtime::Loop& loop, std::unique_ptr<cage::Process> started)
      : process(std::move(started)), socket(loop.io(), process->take_socket().release()) {}

  /// False: the process is gone.
  bool send(runtime::Task& task, const json& document) {
    const std::string line = line_of(document);
    boost::system::error_code error;
    task.await([&](runtime::Yield yield) { return asio::async_write(socket, asio::buffer(line), yield[error]); });
    return !error;
  }

  std::unique_ptr<cage::Process> process;
  asio::posix::stream_descriptor socket;
  std::string inbox;
};

Child::Child(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Child::~Child() = default;

Result<std::unique_ptr<Child>> Child::start(runtime::Task& task, const std::filesystem::path& program, int plugin, const Setup& setup) {
  TOMADA_TRY_ASSIGN(auto process, cage::Process::start(task.loop(), {.program = program, .arguments = {k_child_word}, .plugin = plugin}));
  auto impl = std::make_unique<Impl>(task.loop(), std::move(process));
  if (!impl->send(task, to_document(setup))) return fail(Errc::unavailable, "the child process ended at once");
  return std::unique_ptr<Child>(new Child(std::move(impl)));
}

Observation Child::run(runtime::Task& task, const Job& job, std::chrono::milliseconds timeout) {
  Impl& impl = *impl_;
  bool is_late = false;
  runtime::Timer timer([&] {
    is_late = true;
    impl.process->kill();
  });
  timer.start(task.loop(), task.clock().steady() + timeout);
  boost::system::error_code error;
  std::size_t size = 0;
  if (impl.send(task, job))
    size = task.await([&](runtime::Yield yield) {
      return asio::async_read_until(impl.socket, asio::dynamic_buffer(impl.inbox, k_line_bytes_max), '\n', yield[error]);
    });
  timer.cancel();
  Observation seen;
  if (size > 0 && !error) {
    const json document = json::parse(impl.inbox.substr(0, size), nullptr, false);
    impl.inbox.erase(0, size);
    if (document.is_object()) return document.get<Observation>();
    seen.crash = "wrote into the descriptor of its process";
    impl.process->kill();
    return seen;
  }
  seen.status = to_string(Errc::unavailable);
  impl.process->kill();
  const auto end = impl.process->wait(task);
  seen.crash = is_late ? "did not return within " + std::to_string(timeout.count() / 1000) + " s"
                       : end.has_value() ? end->text() : end.error().message;
  return seen;
}

}  // namespace tomada::check
