// What the host writes to a worker, or somebody in its place: the worker serves it, or ends.
#include "host/runtime/loop.hpp"
#include "host/worker/server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace tomada {
namespace {

worker::Loaded load() {
  abi::Manifest manifest;
  manifest.id = "example";
  auto plugin = abi::LoadedPlugin::load(TOMADA_EXAMPLE, std::move(manifest));
  if (plugin.has_error()) {
    std::fprintf(stderr, "%s\n", plugin.error().message.c_str());
    std::abort();
  }
  return {*plugin, "none"};
}

int serve(const unsigned char* data, std::size_t size) {
  static const worker::Loaded loaded = load();
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) != 0) std::abort();
  if (size > 0 && ::write(sockets[1], data, size) < 0) std::abort();
  ::shutdown(sockets[1], SHUT_WR);
  const runtime::ManualClock clock;
  runtime::Loop loop(clock);
  bool ended = false;
  {
    worker::Start start;
    start.plugin_id = "example";
    start.stack_bytes = 256 * 1024;
    worker::Server server(loop, sockets[0], start, loaded, [&](const Error&) { ended = true; });
    loop.run_until([&] { return ended && loop.tasks_count() == 0; });
  }
  ::close(sockets[1]);
  return 0;
}

}  // namespace
}  // namespace tomada

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) { return tomada::serve(data, size); }
