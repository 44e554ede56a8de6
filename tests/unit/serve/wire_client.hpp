// A client on the wire, for what HTTP libraries refuse to send.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace tomada::serve {

/// A blocking client; every read gives up after ten seconds, so that a hang is a failure.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    limit_waiting();
  }
  explicit Client(const std::filesystem::path& path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    limit_waiting();
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  void send_text(std::string_view text) { (void)send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  /// One answer by its Content-Length; what was read when the connection ended otherwise.
  std::string answer() {
    for (;;) {
      const std::size_t end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t at = buffer_.find("Content-Length: ");
        const std::size_t length = at < end ? std::strtoul(buffer_.c_str() + at + 16, nullptr, 10) : 0;
        if (buffer_.size() >= end + 4 + length) {
          std::string one = buffer_.substr(0, end + 4 + length);
          buffer_.erase(0, one.size());
          return one;
        }
      }
      if (!read_more()) return std::exchange(buffer_, {});
    }
  }
  bool at_end() { return buffer_.empty() && !read_more(); }

 private:
  void limit_waiting() {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  bool read_more() {
    char chunk[4096];
    const ssize_t count = recv(fd_, chunk, sizeof chunk, 0);
    if (count > 0) buffer_.append(chunk, static_cast<std::size_t>(count));
    return count > 0;
  }
  int fd_;
  bool connected_{false};
  std::string buffer_;
};

}  // namespace tomada::serve
