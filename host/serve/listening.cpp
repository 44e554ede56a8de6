#include "host/serve/listening.hpp"

#include "host/serve/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace tomada::serve {
namespace {

constexpr int k_backlog = 512;

struct Address {
  sockaddr_storage storage{};
  socklen_t size{};
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> to_address(const settings::ListenAddress& listen) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, listen.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(listen.port);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
  } else if (inet_pton(AF_INET6, listen.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(listen.port);
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
  } else {
    return fail(Errc::invalid_config, "listen: " + listen.host + " is not an IP address");
  }
  return address;
}

std::string show(const settings::ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Error listen_error(const settings::ListenAddress& address, int error) {
  std::string why = std::strerror(error);
  if (error == EADDRINUSE) why = "the port is in use by another program";
  if (error == EADDRNOTAVAIL) why = "this machine has no such address";
  if (error == EACCES) why = "ports below 1024 need root or CAP_NET_BIND_SERVICE";
  return fail(Errc::unavailable, "cannot listen on " + show(address) + ": " + why +
                                     ". Choose another with --listen ADDR:PORT, TOMADA_LISTEN or the key listen");
}

Error control_error(const std::filesystem::path& path, const char* what, int error) {
  return fail(Errc::unavailable, "control socket " + path.string() + ": " + what + ": " + std::strerror(error));
}

Descriptor open_socket(int family) { return Descriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

void enable(const Descriptor& descriptor, int level, int option) {
  const int on = 1;
  (void)setsockopt(descriptor.get(), level, option, &on, sizeof on);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Descriptor> open_tcp_listener(const settings::ListenAddress& listen, bool shared) {
  TOMADA_TRY_ASSIGN(const Address address, to_address(listen));
  Descriptor descriptor = open_socket(address.storage.ss_family);
  if (descriptor.get() < 0) return listen_error(listen, errno);
  enable(descriptor, SOL_SOCKET, SO_REUSEADDR);
  if (shared) enable(descriptor, SOL_SOCKET, SO_REUSEPORT);
  if (address.storage.ss_family == AF_INET6) enable(descriptor, IPPROTO_IPV6, IPV6_V6ONLY);
  if (bind(descriptor.get(), address.get(), address.size) != 0) return listen_error(listen, errno);
  if (::listen(descriptor.get(), k_backlog) != 0) return listen_error(listen, errno);
  return descriptor;
}

Result<Descriptor> open_control_listener(const std::filesystem::path& path) {
  const std::string text = path.string();
  if (text.size() > k_socket_path_bytes_max)
    return fail(Errc::invalid_config, "the path of the control socket, " + text + ", has " + std::to_string(text.size()) +
                                          " bytes; Unix sockets allow " + std::to_string(k_socket_path_bytes_max) +
                                          ". Choose a shorter data directory (data_dir)");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, text.c_str(), text.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);

  Descriptor probe = open_socket(AF_UNIX);
  if (probe.get() < 0) return control_error(path, "socket", errno);
  if (connect(probe.get(), generic, sizeof address) == 0 || errno == EAGAIN || errno == EINPROGRESS)
    return fail(Errc::conflict, "another host answers on " + text + "; stop it, or choose another data directory");
  struct stat status {};
  if (lstat(text.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return fail(Errc::unavailable, text + " is in the way: it is not a socket");
    if (unlink(text.c_str()) != 0) return control_error(path, "the old one cannot be removed", errno);
  }

  Descriptor descriptor = open_socket(AF_UNIX);
  if (descriptor.get() < 0) return control_error(path, "socket", errno);
  if (bind(descriptor.get(), generic, sizeof address) != 0) return control_error(path, "bind", errno);
  // Before listen(), so that nobody else can connect in between.
  if (chmod(text.c_str(), 0600) != 0) return control_error(path, "chmod", errno);
  if (::listen(descriptor.get(), k_backlog) != 0) return control_error(path, "listen", errno);
  return descriptor;
}

std::uint16_t port_of(const Descriptor& listener) {
  Address address;
  address.size = sizeof address.storage;
  if (getsockname(listener.get(), address.get(), &address.size) != 0) return 0;
  // The port is at the same place in both families.
  sockaddr_in v4{};
  std::memcpy(&v4, &address.storage, sizeof v4);
  return ntohs(v4.sin_port);
}

}  // namespace tomada::serve
