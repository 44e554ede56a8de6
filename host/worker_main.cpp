// tomada-worker: one plugin, closed off, and a socket to the host. Started by the host only; nothing of the host's other
// libraries is in it.
#include "host/abi/plugin.hpp"
#include "host/cage/seal.hpp"
#include "host/worker/server.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>

namespace tomada {
namespace {

// As cage::Process hands them over.
constexpr int k_socket = 3;
constexpr int k_plugin = 4;

abi::Manifest manifest_of(const worker::Start& start) {
  abi::Manifest manifest;
  manifest.id = start.plugin_id;
  manifest.concurrency = start.serial ? abi::Concurrency::serial : abi::Concurrency::parallel;
  return manifest;
}

int serve(const worker::Start& start) {
  const cage::SealOptions options{.socket = k_socket,
                                  .plugin = k_plugin,
                                  .threads = start.own_threads,
                                  .threads_max = static_cast<std::size_t>(start.threads_max),
                                  .memory_max_bytes = start.memory_bytes_max};
  const auto sealed = cage::seal_before_load(options);
  if (sealed.has_error()) {
    spdlog::error("{}", sealed.error().message);
    return 1;
  }
  // The plugin's constructors run here, in the cage already.
  auto plugin = abi::LoadedPlugin::load("/proc/self/fd/" + std::to_string(k_plugin), manifest_of(start));
  const runtime::SystemClock clock;
  runtime::Loop loop(clock);
  if (const auto finished = cage::seal_after_load(options); finished.has_error()) {
    spdlog::error("{}", finished.error().message);
    return 1;
  }
  Result<worker::Loaded> loaded = fail(Errc::internal, "");
  if (plugin.has_value())
    loaded = worker::Loaded{*std::move(plugin), sealed->text()};
  else
    loaded = std::move(plugin).error();
  // The plugin's own threads and statics may still run: no destructors after them.
  worker::Server server(loop, k_socket, start, std::move(loaded), [](const Error& why) {
    if (why.code != Errc::unavailable) spdlog::error("{}", why.message);
    std::_Exit(why.code == Errc::unavailable ? 0 : 1);
  });
  loop.run();
  return 0;
}

}  // namespace
}  // namespace tomada

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  spdlog::set_default_logger(spdlog::stderr_logger_st("worker"));
  spdlog::set_pattern("%v");
  const auto start = tomada::worker::parse_arguments(std::span(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
  if (start.has_error()) {
    std::fprintf(stderr, "tomada-worker is started by tomada: %s\n", start.error().message.c_str());
    return 2;
  }
  return tomada::serve(*start);
}
