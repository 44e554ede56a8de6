#include "host/serve/server.hpp"

#include "host/base/assert.hpp"
#include "host/serve/listening.hpp"
#include "host/serve/problem.hpp"
#include "host/serve/session.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <spdlog/spdlog.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace tomada::serve {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using runtime::Deadline;
using runtime::Loop;
using runtime::Task;
using runtime::Yield;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, asio::io_context::executor_type>;

constexpr std::chrono::milliseconds k_accept_pause{100};  // when the process is out of descriptors

/// The kernel's word on who connected.
std::optional<uid_t> user_of_peer(Socket& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

/// "tomada", or the number when it has no name.
std::string name_of(uid_t user) {
  std::array<char, 16 * 1024> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::to_string(user);
  return found->pw_name;
}

/// "203.0.113.7", also where an IPv6 listener shows it as ::ffff:203.0.113.7; empty when the peer is gone already.
std::string address_of_peer(Socket& socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(socket.native_handle(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* shown = nullptr;
  if (storage.ss_family == AF_INET) {
    shown = inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(storage).sin_addr, text.data(), text.size());
  } else if (storage.ss_family == AF_INET6) {
    shown = inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(storage).sin6_addr, text.data(), text.size());
  }
  std::string address = shown == nullptr ? "" : shown;
  if (address.starts_with("::ffff:") && address.find('.') != std::string::npos) address.erase(0, 7);
  return address;
}

/// What of the server lives on one loop; its thread only.
struct Shard {
  explicit Shard(Loop& the_loop) : loop(the_loop) {}
  Loop& loop;
  bool stopping{false};
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>> sessions;
};

}  // namespace

struct Server::Impl {
  Impl(runtime::Loops& the_loops, Handler the_handler, ServerLimits the_limits)
      : loops(the_loops), handler(std::move(the_handler)), limits(the_limits) {
    for (std::size_t i = 0; i < loops.count(); ++i) shards.push_back(std::make_unique<Shard>(loops.at(i)));
  }

  runtime::Loops& loops;
  Handler handler;
  ServerLimits limits;
  const std::string owner{name_of(geteuid())};  // asked for once: who knows the names may be another machine
  settings::ListenAddress bound;
  std::filesystem::path control_path;
  std::vector<std::unique_ptr<Shard>> shards;

  std::atomic<std::size_t> connections_count{0};

  /// Counts accept loops and sessions, for stop().
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t tasks_count{0};
  };
  std::shared_ptr<Gate> gate{std::make_shared<Gate>()};  // shared with work that a loop may drop after the server

  /// Keeps stop() waiting while it lives.
  class Alive {
   public:
    explicit Alive(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {
      const std::lock_guard lock(gate_->mutex);
      ++gate_->tasks_count;
    }
    ~Alive() {
      const std::lock_guard lock(gate_->mutex);
      --gate_->tasks_count;
      gate_->changed.notify_all();
    }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;

   private:
    std::shared_ptr<Gate> gate_;
  };

  void add_listener(Shard& shard, Descriptor descriptor, int family, Origin origin);
  void accept(Task& task, Shard& shard, Acceptor& acceptor, Origin origin);
  void start_session(Shard& shard, Socket socket, Origin origin, std::string peer);
  static void refuse(Socket socket);
  void on_each_shard(const std::function<void(Shard&)>& act);
};

void Server::Impl::add_listener(Shard& shard, Descriptor descriptor, int family, Origin origin) {
  // The acceptor is made on its loop: everything of a shard belongs to that thread.
  auto alive = std::make_shared<Alive>(gate);  // shared because std::function copies; the task is its only owner
  shard.loop.post([this, &shard, fd = descriptor.release(), family, origin, alive] {
    Descriptor owned(fd);
    if (shard.stopping) return;
    const int protocol = family == AF_UNIX ? 0 : IPPROTO_TCP;
    auto& acceptor = *shard.acceptors.emplace_back(std::make_unique<Acceptor>(
        shard.loop.io().get_executor(), asio::generic::stream_protocol(family, protocol), owned.release()));
    runtime::spawn("api listener", shard.loop, Deadline::never(),
                   [this, &shard, &acceptor, origin, alive](Task& task) { accept(task, shard, acceptor, origin); });
  });
}

void Server::Impl::accept(Task& task, Shard& shard, Acceptor& acceptor, Origin origin) {
  while (!shard.stopping) {
    Socket socket(shard.loop.io().get_executor());
    error_code error;
    task.await([&](Yield yield) { return acceptor.async_accept(socket, yield[error]); });
    if (shard.stopping || error == asio::error::operation_aborted) return;
    if (error) {
      // ECONNABORTED is the peer's whim; EMFILE and the like pass when others close.
      if (error != asio::error::connection_aborted) {
        spdlog::warn("cannot accept a connection: {}", error.message());
        if (runtime::sleep_for(task, k_accept_pause).has_error()) return;
      }
      continue;
    }
    std::string peer;
    if (origin == Origin::control) {
      const auto user = user_of_peer(socket);
      if (user != geteuid() && user != 0) continue;  // the owner of this process, or root
      peer = user == geteuid() ? owner : "root";
    } else {
      peer = address_of_peer(socket);
      const int on = 1;  // an answer is one write: nothing to gain from waiting
      (void)setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    // The operator can always look, even when the port is full.
    if (origin == Origin::network && connections_count.load() >= limits.connections_max) {
      refuse(std::move(socket));
      continue;
    }
    start_session(shard, std::move(socket), origin, std::move(peer));
  }
}

void Server::Impl::start_session(Shard& shard, Socket socket, Origin origin, std::string peer) {
  ++connections_count;
  runtime::spawn("api session", shard.loop, Deadline::never(),
                 [this, &shard, origin, peer = std::move(peer),
                  socket = std::move(socket)](Task& task) mutable {
                   const Alive alive(gate);
                   struct Counted {
                     std::atomic<std::size_t>& count;
                     ~Counted() { --count; }
                   } counted{connections_count};
                   Session session(std::move(socket), origin, std::move(peer), handler, limits);
                   shard.sessions.push_back(session);
                   if (!shard.stopping) session.run(task);
                 });
}

void Server::Impl::refuse(Socket socket) {
  // One write into an empty socket buffer; nobody waits for it.
  const Answer answer = problem(503, Errc::unavailable, "this host has no free connection; try again");
  const std::string text = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: " + answer.content_type +
                           "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                           "\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" + answer.body;
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
  socket.shutdown(Socket::shutdown_send, ignored);
}

void Server::Impl::on_each_shard(const std::function<void(Shard&)>& act) {
  for (auto& shard : shards) shard->loop.post([act, &shard = *shard] { act(shard); });
}

Server::Server(runtime::Loops& loops, Handler handler, ServerLimits limits)
    : impl_(std::make_unique<Impl>(loops, std::move(handler), limits)) {}

Server::~Server() = default;

Result<void> Server::listen(const settings::ListenAddress& address) {
  // SO_REUSEPORT would let a second host of the same user share the port in silence; a plain bind first says so.
  impl_->bound = address;
  {
    TOMADA_TRY_ASSIGN(const Descriptor probe, open_tcp_listener(address, false));
    impl_->bound.port = port_of(probe);
  }
  std::vector<Descriptor> listeners;
  for (std::size_t i = 0; i < impl_->shards.size(); ++i) {
    TOMADA_TRY_ASSIGN(Descriptor listener, open_tcp_listener(impl_->bound, true));
    listeners.push_back(std::move(listener));
  }
  const int family = address.host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  for (std::size_t i = 0; i < listeners.size(); ++i)
    impl_->add_listener(*impl_->shards[i], std::move(listeners[i]), family, Origin::network);
  return {};
}

Result<void> Server::listen_control(const std::filesystem::path& path) {
  TOMADA_TRY_ASSIGN(Descriptor listener, open_control_listener(path));
  impl_->control_path = path;
  impl_->add_listener(*impl_->shards.front(), std::move(listener), AF_UNIX, Origin::control);
  return {};
}

std::string Server::address() const {
  const bool v6 = impl_->bound.host.find(':') != std::string::npos;
  return (v6 ? "[" + impl_->bound.host + "]" : impl_->bound.host) + ":" + std::to_string(impl_->bound.port);
}

std::uint16_t Server::port() const { return impl_->bound.port; }

void Server::stop(std::chrono::milliseconds grace) {
  impl_->on_each_shard([](Shard& shard) {
    shard.stopping = true;
    error_code ignored;
    for (auto& acceptor : shard.acceptors) acceptor->close(ignored);
    for (Session& session : shard.sessions) session.close_when_idle();
  });
  bool ended = false;
  {
    Impl::Gate& gate = *impl_->gate;
    std::unique_lock lock(gate.mutex);
    ended = gate.changed.wait_for(lock, grace, [&gate] { return gate.tasks_count == 0; });
  }
  if (!ended)
    impl_->on_each_shard([](Shard& shard) {
      for (Session& session : shard.sessions) session.cut();
    });
  if (!impl_->control_path.empty()) {
    std::error_code ignored;
    std::filesystem::remove(impl_->control_path, ignored);
    impl_->control_path.clear();
  }
}

}  // namespace tomada::serve
