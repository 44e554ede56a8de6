#include "host/http/curl_multi.hpp"

#include "host/base/assert.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/socket.h>
#include <unistd.h>

namespace tomada::http {
namespace {

constexpr std::size_t k_idle_easy_max = 256;

}  // namespace

struct CurlMulti::Socket {
  Socket(boost::asio::io_context& io, curl_socket_t fd_, bool owned_) : descriptor(io, fd_), fd(fd_), owned(owned_) {}

  boost::asio::posix::stream_descriptor descriptor;
  curl_socket_t fd;
  bool owned;      // false: libcurl's resolver made it and closes it
  int wanted{0};   // CURL_POLL_IN | CURL_POLL_OUT
  bool reading{false};
  bool writing{false};
  bool gone{false};
};

CurlMulti::CurlMulti(runtime::Loop& loop, const CurlOptions& options)
    : loop_(loop), options_(options), share_(curl_share_init()), multi_(curl_multi_init()), timer_(loop.io()) {
  TOMADA_ASSERT(share_ != nullptr && multi_ != nullptr);
  // One thread uses the share, so it needs no locks.
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlMulti::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_max));
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(options_.connections_max));
}

CurlMulti::~CurlMulti() { TOMADA_ASSERT(closed_); }

void CurlMulti::close() {
  if (closed_) return;
  for (const Easy& easy : idle_) curl_easy_cleanup(easy.handle);
  idle_.clear();
  curl_multi_cleanup(multi_);  // closes the pooled connections through close_socket
  curl_share_cleanup(share_);
  for (auto& socket : sockets_) {
    if (!socket) continue;
    socket->gone = true;
    socket->descriptor.release();
  }
  sockets_.clear();
  timer_.reset();
  closed_ = true;
}

CurlMulti::Easy CurlMulti::take_easy() {
  if (idle_.empty()) {
    CURL* easy = curl_easy_init();
    TOMADA_ASSERT(easy != nullptr);
    curl_easy_setopt(easy, CURLOPT_SHARE, share_);  // survives curl_easy_reset
    return {easy, false};
  }
  const Easy easy = idle_.back();
  idle_.pop_back();
  return easy;
}

void CurlMulti::give_easy(CURL* easy, bool stays_configured) {
  if (idle_.size() >= k_idle_easy_max) {
    curl_easy_cleanup(easy);
    return;
  }
  if (!stays_configured) curl_easy_reset(easy);
  idle_.push_back({easy, stays_configured});
}

void CurlMulti::add(CURL* easy) {
  const CURLMcode code = curl_multi_add_handle(multi_, easy);
  TOMADA_ASSERT(code == CURLM_OK);
}

void CurlMulti::remove(CURL* easy) {
  const CURLMcode code = curl_multi_remove_handle(multi_, easy);
  TOMADA_ASSERT(code == CURLM_OK);
}

std::shared_ptr<CurlMulti::Socket>& CurlMulti::slot(curl_socket_t fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= sockets_.size()) sockets_.resize(index + 1);
  return sockets_[index];
}

curl_socket_t CurlMulti::open_socket(const curl_sockaddr& address) {
  const int fd = ::socket(address.family, address.socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  slot(fd) = std::make_shared<Socket>(loop_.io(), fd, true);
  return fd;
}

int CurlMulti::close_socket(void* data, curl_socket_t fd) {
  auto& self = *static_cast<CurlMulti*>(data);
  const std::shared_ptr<Socket> socket = std::move(self.slot(fd));
  if (!socket) return ::close(fd);
  socket->gone = true;
  boost::system::error_code ignored;
  socket->descriptor.close(ignored);
  return 0;
}

int CurlMulti::on_socket(CURL*, curl_socket_t fd, int what, void* data, void*) {
  auto& self = *static_cast<CurlMulti*>(data);
  auto& socket = self.slot(fd);
  if (what == CURL_POLL_REMOVE) {
    if (!socket) return 0;
    socket->wanted = 0;
    if (!socket->owned) {
      socket->gone = true;
      socket->descriptor.release();
      socket.reset();
    }
    return 0;
  }
  if (!socket) socket = std::make_shared<Socket>(self.loop_.io(), fd, false);
  socket->wanted = what;
  self.watch(socket);
  return 0;
}

void CurlMulti::watch(const std::shared_ptr<Socket>& socket) {
  using Descriptor = boost::asio::posix::stream_descriptor;
  if ((socket->wanted & CURL_POLL_IN) != 0 && !socket->reading) {
    socket->reading = true;
    socket->descriptor.async_wait(Descriptor::wait_read,
                                  [this, self = shared_from_this(), socket](const boost::system::error_code&) {
                                    socket->reading = false;
                                    on_ready(socket, CURL_CSELECT_IN);
                                  });
  }
  if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->writing) {
    socket->writing = true;
    socket->descriptor.async_wait(Descriptor::wait_write,
                                  [this, self = shared_from_this(), socket](const boost::system::error_code&) {
                                    socket->writing = false;
                                    on_ready(socket, CURL_CSELECT_OUT);
                                  });
  }
}

void CurlMulti::on_ready(const std::shared_ptr<Socket>& socket, int direction) {
  // A wait outlives libcurl's interest: it is kept for the next request on this connection.
  static_assert(CURL_CSELECT_IN == CURL_POLL_IN && CURL_CSELECT_OUT == CURL_POLL_OUT);
  if (socket->gone || (socket->wanted & direction) == 0) return;
  act(socket->fd, direction);
  if (!socket->gone) watch(socket);
}

void CurlMulti::act(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, events, &running);
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    char* owner = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    static_cast<Transfer*>(static_cast<void*>(owner))->on_done(code);
  }
}

int CurlMulti::on_timer(CURLM*, long timeout_ms, void* data) {
  auto& self = *static_cast<CurlMulti*>(data);
  self.due_ = runtime::SteadyTime::max();
  if (timeout_ms < 0 || self.closed_) return 0;
  if (timeout_ms == 0) {
    self.post_timeout();
    return 0;
  }
  // libcurl counts in real time, whatever clock the loop has.
  self.due_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  self.arm();
  return 0;
}

void CurlMulti::post_timeout() {
  if (posted_) return;
  posted_ = true;
  loop_.post([this, self = shared_from_this()] {
    posted_ = false;
    if (!closed_) act(CURL_SOCKET_TIMEOUT, 0);
  });
}

void CurlMulti::arm() {
  if (due_ >= armed_) return;  // the armed one looks again when it fires
  armed_ = due_;
  timer_->expires_at(due_);
  timer_->async_wait([this, self = shared_from_this()](const boost::system::error_code& error) {
    if (error || closed_) return;
    armed_ = runtime::SteadyTime::max();
    if (std::chrono::steady_clock::now() < due_) return arm();
    due_ = runtime::SteadyTime::max();
    act(CURL_SOCKET_TIMEOUT, 0);
  });
}

}  // namespace tomada::http
