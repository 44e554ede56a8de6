// Opens listening sockets with errors that a person can act on. Private to serve/.
#pragma once

#include "host/base/result.hpp"
#include "host/settings/load.hpp"

#include <cstdint>
#include <filesystem>
#include <utility>

namespace tomada::serve {

/// A file descriptor that is closed unless it was released.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// `shared`: with SO_REUSEPORT, for one listener on each loop.
Result<Descriptor> open_tcp_listener(const settings::ListenAddress& address, bool shared);
Result<Descriptor> open_control_listener(const std::filesystem::path& path);
std::uint16_t port_of(const Descriptor& listener);

}  // namespace tomada::serve
