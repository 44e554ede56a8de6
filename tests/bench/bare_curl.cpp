#include "tests/bench/bare_curl.hpp"

#include "tests/bench/bench_plugin.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <curl/curl.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace tomada::bench {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

struct BareCurl::Impl {
  struct Socket {
    Socket(asio::io_context& io, int fd) : descriptor(io, fd) {}
    asio::posix::stream_descriptor descriptor;
    int wanted{0};
    bool reading{false};
    bool writing{false};
    bool gone{false};
  };
  struct Request {
    CURL* easy{};
    std::string body;
  };

  asio::io_context io{1};
  asio::steady_timer timer{io};
  CURLM* multi{curl_multi_init()};
  curl_slist* headers{};
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<std::shared_ptr<Socket>> sockets;  // shared with the waits that are pending
  Clock::time_point due{Clock::time_point::max()};
  Clock::time_point armed{Clock::time_point::max()};
  bool posted{false};
  std::size_t left_to_start{0};
  std::size_t left_to_end{0};

  static std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* request) {
    static_cast<Request*>(request)->body.append(bytes, count);
    return count;
  }

  std::shared_ptr<Socket>& slot(int fd) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= sockets.size()) sockets.resize(index + 1);
    return sockets[index];
  }

  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* address) {
    const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd >= 0) static_cast<Impl*>(self)->slot(fd) = std::make_shared<Socket>(static_cast<Impl*>(self)->io, fd);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
  }

  static int on_close(void* self, curl_socket_t fd) {
    const auto socket = std::move(static_cast<Impl*>(self)->slot(fd));
    socket->gone = true;
    boost::system::error_code ignored;
    socket->descriptor.close(ignored);
    return 0;
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    const auto& socket = static_cast<Impl*>(self)->slot(fd);
    if (!socket) give_up("bare libcurl: a socket that was not opened here");
    socket->wanted = what == CURL_POLL_REMOVE ? 0 : what;
    static_cast<Impl*>(self)->watch(socket, fd);
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* data) {
    auto& self = *static_cast<Impl*>(data);
    self.due = Clock::time_point::max();
    if (timeout_ms == 0 && !self.posted) {
      self.posted = true;
      asio::post(self.io, [&self] {
        self.posted = false;
        self.act(CURL_SOCKET_TIMEOUT, 0);
      });
    } else if (timeout_ms > 0) {
      self.due = Clock::now() + std::chrono::milliseconds(timeout_ms);
      self.arm();
    }
    return 0;
  }

  void arm() {
    if (due >= armed) return;
    armed = due;
    timer.expires_at(due);
    timer.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      armed = Clock::time_point::max();
      if (Clock::now() < due) return arm();
      due = Clock::time_point::max();
      act(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void watch(const std::shared_ptr<Socket>& socket, int fd) {
    using Descriptor = asio::posix::stream_descriptor;
    if ((socket->wanted & CURL_POLL_IN) != 0 && !socket->reading) {
      socket->reading = true;
      socket->descriptor.async_wait(Descriptor::wait_read, [this, socket, fd](const boost::system::error_code&) {
        socket->reading = false;
        if (socket->gone || (socket->wanted & CURL_POLL_IN) == 0) return;
        act(fd, CURL_CSELECT_IN);
        if (!socket->gone) watch(socket, fd);
      });
    }
    if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->writing) {
      socket->writing = true;
      socket->descriptor.async_wait(Descriptor::wait_write, [this, socket, fd](const boost::system::error_code&) {
        socket->writing = false;
        if (socket->gone || (socket->wanted & CURL_POLL_OUT) == 0) return;
        act(fd, CURL_CSELECT_OUT);
        if (!socket->gone) watch(socket, fd);
      });
    }
  }

  void act(curl_socket_t fd, int events) {
    int running = 0;
    curl_multi_socket_action(multi, fd, events, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      CURL* easy = message->easy_handle;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      if (message->data.result != CURLE_OK || status != 200) give_up("bare libcurl: a request failed");
      curl_multi_remove_handle(multi, easy);
      --left_to_end;
      start(easy);
    }
  }

  void start(CURL* easy) {
    if (left_to_start == 0) return;
    --left_to_start;
    char* request = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
    static_cast<Request*>(static_cast<void*>(request))->body.clear();
    curl_multi_add_handle(multi, easy);
  }
};

BareCurl::BareCurl(std::string url, std::string authorization, std::size_t concurrency) : impl_(new Impl) {
  curl_multi_setopt(impl_->multi, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
  curl_multi_setopt(impl_->multi, CURLMOPT_SOCKETDATA, impl_);
  curl_multi_setopt(impl_->multi, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
  curl_multi_setopt(impl_->multi, CURLMOPT_TIMERDATA, impl_);
  curl_multi_setopt(impl_->multi, CURLMOPT_MAXCONNECTS, static_cast<long>(concurrency * 2));
  impl_->headers = curl_slist_append(nullptr, ("Authorization: " + authorization).c_str());
  for (std::size_t i = 0; i < concurrency; ++i) {
    auto request = std::make_unique<Impl::Request>();
    CURL* easy = request->easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30'000L);
    // The same request on the wire as the host's.
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, impl_->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Tomada/" TOMADA_VERSION);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request.get());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Impl::on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request.get());
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Impl::on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, impl_);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Impl::on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, impl_);
    impl_->requests.push_back(std::move(request));
  }
}

BareCurl::~BareCurl() {
  for (auto& request : impl_->requests) curl_easy_cleanup(request->easy);
  curl_multi_cleanup(impl_->multi);
  curl_slist_free_all(impl_->headers);
  delete impl_;
}

void BareCurl::run(std::size_t requests_count) {
  impl_->left_to_start = impl_->left_to_end = requests_count;
  for (auto& request : impl_->requests) impl_->start(request->easy);
  impl_->io.restart();
  while (impl_->left_to_end > 0) impl_->io.run_one();
}

}  // namespace tomada::bench
