// A server for tests on a free loopback port: one thread for each connection, blocking calls, a script per connection.
#pragma once

#include <openssl/ssl.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tomada::http {

class Connection {
 public:
  Connection(int fd, SSL* tls) : fd_(fd), tls_(tls) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The next request's header block with its empty line; empty when the peer has gone.
  std::string read_head();
  /// The body that this header announces (Content-Length or chunked).
  std::string read_body(const std::string& head);
  /// Up to `max` bytes, as they come; empty at the end.
  std::string read_some(std::size_t max);
  bool write(std::string_view bytes);  // false: the peer has gone
  void reply(std::string_view body, std::string_view more_headers = {}, std::string_view status = "200 OK");
  /// Waits until the peer closes.
  void wait_for_close();

 private:
  std::string take(std::size_t count);
  int fd_;
  SSL* tls_;
  std::string ahead_;
};

class TestServer {
 public:
  using Script = std::function<void(Connection&)>;
  /// `tls` is borrowed; nullptr: plain.
  explicit TestServer(Script script, SSL_CTX* tls = nullptr);
  ~TestServer();  // ends all connections
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(std::string_view path = "/") const;
  [[nodiscard]] std::size_t connections_count() const;

 private:
  void accept_all();
  void serve(int fd);

  Script script_;
  SSL_CTX* tls_;
  int listener_;
  std::uint16_t port_{};
  mutable std::mutex mutex_;
  bool stopping_{false};
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace tomada::http
