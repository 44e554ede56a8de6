// The transport: libcurl's multi interface on the loop's Asio sockets and timers.
#pragma once

#include "host/http/client.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::http {

struct CurlOptions {
  std::string ca_file;                     // empty: the system's
  /// "127.0.0.1:9000", "10.0.0.0/8", "minio.internal": private and loopback targets that may be reached. An entry
  /// with a name allows whatever that name resolves to; with a port only that port.
  std::vector<std::string> allow_private;
  std::size_t connections_max{1'000};
  std::chrono::milliseconds connect_timeout{10'000};
  std::string user_agent{"Tomada/" TOMADA_VERSION};
};

/// One for each loop, which it must not outlive; every exchange is gone before it. Keep-alive pool, HTTP/2, TLS 1.2 or
/// newer verified, gzip/br/zstd, no cookies, no .netrc, no proxies, http and https only. Redirects are not followed here.
/// Entries of allow_private that check_allow_private refuses are logged and ignored.
std::unique_ptr<Client> make_curl_client(runtime::Loop& loop, const CurlOptions& options);

/// INVALID_CONFIG names the entry and what is wrong with it: for whoever reads the settings.
Result<void> check_allow_private(std::string_view entry);

/// True for loopback, private, link-local, multicast, unspecified and other non-public addresses (v4, v6, mapped);
/// false for text that is no address.
bool is_private_address(std::string_view address);

}  // namespace tomada::http
