#include "tests/unit/http/test_server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tomada::http {
namespace {

std::string header_value(const std::string& head, const std::string& name) {
  for (std::size_t at = 0; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    if (end == std::string::npos) break;
    const std::string line = head.substr(at, end - at);
    if (line.size() > name.size() && line[name.size()] == ':' && ::strncasecmp(line.c_str(), name.c_str(), name.size()) == 0)
      return line.substr(line.find_first_not_of(' ', name.size() + 1));
    at = end + 2;
  }
  return {};
}

}  // namespace

std::string Connection::read_some(std::size_t max) {
  if (!ahead_.empty()) return take(std::min(max, ahead_.size()));
  std::string bytes(max, '\0');
  const auto count = tls_ != nullptr ? static_cast<ssize_t>(SSL_read(tls_, bytes.data(), static_cast<int>(max)))
                                     : ::recv(fd_, bytes.data(), max, 0);
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

std::string Connection::take(std::size_t count) {
  std::string bytes = ahead_.substr(0, count);
  ahead_.erase(0, count);
  return bytes;
}

std::string Connection::read_head() {
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    const std::string more = read_some(4096);
    if (more.empty()) return {};
    head += more;
  }
  const std::size_t end = head.find("\r\n\r\n") + 4;
  ahead_.insert(0, head.substr(end));
  head.resize(end);
  return head;
}

std::string Connection::read_body(const std::string& head) {
  std::string body;
  if (header_value(head, "Transfer-Encoding") == "chunked") {
    std::string raw;
    while (raw.find("0\r\n\r\n") == std::string::npos) {
      const std::string more = read_some(65536);
      if (more.empty()) return body;
      raw += more;
    }
    for (std::size_t at = 0; at < raw.size();) {
      const std::size_t length = std::strtoul(raw.c_str() + at, nullptr, 16);
      at = raw.find("\r\n", at) + 2;
      if (length == 0) break;
      body += raw.substr(at, length);
      at += length + 2;
    }
    return body;
  }
  const std::size_t length = std::strtoul(header_value(head, "Content-Length").c_str(), nullptr, 10);
  while (body.size() < length) {
    const std::string more = read_some(std::min<std::size_t>(65536, length - body.size()));
    if (more.empty()) break;
    body += more;
  }
  return body;
}

bool Connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = tls_ != nullptr
                           ? static_cast<ssize_t>(SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size())))
                           : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void Connection::reply(std::string_view body, std::string_view more_headers, std::string_view status) {
  write("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
        std::string(more_headers) + "\r\n" + std::string(body));
}

void Connection::wait_for_close() {
  while (!read_some(4096).empty()) {
  }
}

TestServer::TestServer(Script script, SSL_CTX* tls)
    : script_(std::move(script)), tls_(tls), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 4096) != 0 ||
      ::getsockname(listener_, generic, &length) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

TestServer::~TestServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  for (auto& thread : threads_) thread.join();
}

std::string TestServer::url(std::string_view path) const {
  return (tls_ != nullptr ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(port_) + std::string(path);
}

std::size_t TestServer::connections_count() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void TestServer::accept_all() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (fd < 0 || stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void TestServer::serve(int fd) {
  SSL* tls = nullptr;
  bool ready = true;
  if (tls_ != nullptr) {
    tls = SSL_new(tls_);
    SSL_set_fd(tls, fd);
    ready = SSL_accept(tls) == 1;
  }
  if (ready) {
    Connection connection(fd, tls);
    script_(connection);
  }
  SSL_free(tls);
  const std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), fd));
  ::close(fd);
}

}  // namespace tomada::http
