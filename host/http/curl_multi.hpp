// libcurl's multi handle on one loop: its sockets are Asio descriptors, its timer an Asio timer.
#pragma once

#include "host/http/address_rules.hpp"
#include "host/http/curl_client.hpp"
#include "host/runtime/loop.hpp"

#include <boost/asio/steady_timer.hpp>
#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace tomada::http {

/// What CURLOPT_PRIVATE of an easy handle in the multi handle points to.
class Transfer {
 public:
  virtual ~Transfer() = default;
  /// The transfer has ended; called outside of libcurl's callbacks. The receiver removes its handle.
  virtual void on_done(CURLcode code) = 0;
};

/* Loop thread. Owned by the client and, after it, by the Asio handlers that are still on their way: those find
 * `closed_` and do nothing.
 * Why it is cheap: a timer of 0 ms is a post and no timer; a later time leaves the armed timer alone; a socket's
 * descriptor and its pending wait stay while the connection sits in libcurl's pool. */
class CurlMulti : public std::enable_shared_from_this<CurlMulti> {
 public:
  CurlMulti(runtime::Loop& loop, const CurlOptions& options);
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  /// Ends all connections. No transfer is left.
  void close();

  struct Easy {
    CURL* handle;
    bool is_configured;  // has the options that are the same for every request
  };
  /// A handle in its first state (apart from pooled connections and TLS sessions), or one that was given back configured.
  Easy take_easy();
  /// `stays_configured`: the transfer ended well and set nothing that the next one does not set anew. Setting all options
  /// again costs more than the rest of a small request's own work.
  void give_easy(CURL* easy, bool stays_configured);
  void add(CURL* easy);
  void remove(CURL* easy);

  /// For OPENSOCKETFUNCTION, once the address is accepted. CURL_SOCKET_BAD with errno.
  curl_socket_t open_socket(const curl_sockaddr& address);
  static int close_socket(void* self, curl_socket_t fd);  // CLOSESOCKETFUNCTION

  [[nodiscard]] runtime::Loop& loop() const { return loop_; }
  [[nodiscard]] const CurlOptions& options() const { return options_; }
  [[nodiscard]] AddressRules& rules() { return rules_; }

 private:
  struct Socket;
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused);
  static int on_timer(CURLM* multi, long timeout_ms, void* self);

  std::shared_ptr<Socket>& slot(curl_socket_t fd);
  void watch(const std::shared_ptr<Socket>& socket);
  void on_ready(const std::shared_ptr<Socket>& socket, int direction);
  void act(curl_socket_t fd, int events);
  void arm();
  void post_timeout();

  runtime::Loop& loop_;
  CurlOptions options_;
  AddressRules rules_;
  CURLSH* share_;
  CURLM* multi_;
  std::vector<Easy> idle_;
  std::vector<std::shared_ptr<Socket>> sockets_;  // by descriptor; shared with the waits that are pending
  std::optional<boost::asio::steady_timer> timer_;
  runtime::SteadyTime due_{runtime::SteadyTime::max()};
  runtime::SteadyTime armed_{runtime::SteadyTime::max()};
  bool posted_{false};
  bool closed_{false};
};

}  // namespace tomada::http
