// The HTTP/1.1 server: listeners on TCP and on the control socket, sessions on the loops, limits, a graceful stop.
#pragma once

#include "host/base/result.hpp"
#include "host/runtime/loop.hpp"
#include "host/runtime/task.hpp"
#include "host/serve/message.hpp"
#include "host/settings/load.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace tomada::serve {

struct ServerLimits {
  std::size_t header_bytes_max{16 * 1024};   // 431 beyond
  std::size_t body_bytes_max{1024 * 1024};   // 413 beyond
  std::size_t connections_max{1'024};        // 503 beyond, of all loops together
  std::chrono::milliseconds idle_timeout{60'000};     // closed without a word
  std::chrono::milliseconds request_timeout{30'000};  // 408 while it arrives; the deadline of its handler
};

/// Handlers run in a task of their own on the session's loop, with a stack of this size.
inline constexpr std::size_t k_handler_stack_bytes = 256 * 1024;
/// Longer than request_timeout's default would hold up a stop; cut requests are answered by their client's retry.
inline constexpr std::chrono::milliseconds k_stop_grace{10'000};
/// The kernel's limit on the path of a Unix socket, without the final zero.
inline constexpr std::size_t k_socket_path_bytes_max = 107;

/* Life: construct, listen…(), stop(), Loops::stop(), destroy. The loops outlive every session, and the server outlives
 * the loops' threads. listen…() and stop() belong to one thread that is no loop's. */
class Server {
 public:
  using Handler = std::function<Answer(runtime::Task& task, const Request& request)>;

  Server(runtime::Loops& loops, Handler handler, ServerLimits limits);
  ~Server();

  /// One listener for each loop on the same port. UNAVAILABLE: in use, not permitted, no such address; says how to
  /// choose another.
  Result<void> listen(const settings::ListenAddress& address);
  /// A Unix socket with mode 0600 whose requests have Origin::control. A socket that nobody answers on is replaced.
  /// CONFLICT: a host answers there. INVALID_CONFIG: the path is too long for a socket.
  Result<void> listen_control(const std::filesystem::path& path);

  /// "127.0.0.1:7070", with the port that 0 became.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] std::uint16_t port() const;

  /// Accepts no more; idle connections end at once, running requests finish. Returns when all have ended or after
  /// `grace`, when those that are left are cut.
  void stop(std::chrono::milliseconds grace = k_stop_grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::serve
