// What a worker may write to the host: frames, and in them questions and notes of one call. Whatever it is, the host answers or
// ends the channel.
#include "host/runtime/task.hpp"
#include "host/worker/asked.hpp"
#include "host/worker/channel.hpp"
#include "tests/support/abi_fake_services.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

namespace tomada {
namespace {

struct Host final : worker::Channel::Receiver {
  worker::Asked& asked;
  bool is_closed{false};

  explicit Host(worker::Asked& to) : asked(to) {}
  Result<void> received(worker::Kind kind, std::uint64_t, std::string_view body) override {
    if (kind == worker::Kind::note) return asked.note(body);
    if (kind != worker::Kind::ask) return {};
    auto answer = asked.answer(body);
    if (answer.has_error()) return std::move(answer).error();
    worker::Reader reader(*answer);
    if (!reader.flag() && (reader.error(), !reader.complete())) std::abort();  // an answer that a worker could not read
    return {};
  }
  void closed(const Error&) override { is_closed = true; }
};

int serve(const unsigned char* data, std::size_t size) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) != 0) std::abort();
  if (size > 0 && ::write(sockets[1], data, size) < 0) std::abort();
  ::close(sockets[1]);
  const runtime::ManualClock clock;
  runtime::Loop loop(clock);
  bool done = false;
  runtime::spawn("fuzz", loop, runtime::Deadline::never(), [&](runtime::Task& task) {
    abi::FakeServices services(task);
    worker::Asked asked(services);
    Host host(asked);
    worker::Channel channel(loop, sockets[0], host);
    channel.start();
    while (!host.is_closed) task.yield();
    done = true;
  });
  loop.run_until([&] { return done; });
  return 0;
}

}  // namespace
}  // namespace tomada

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) { return tomada::serve(data, size); }
