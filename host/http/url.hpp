// URLs as the transport understands them: one parser (libcurl's) for the checks, the signature and the connection.
#pragma once

#include "host/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tomada::http {

inline constexpr std::size_t k_url_bytes_max = 32 * 1024;

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv4 address in dotted form, an IPv6 address without brackets
  std::uint16_t port{};
  std::string path;    // as written, percent-encoded, never normalised; at least "/"
  std::string query;   // as written, without the question mark
};

/// INVALID_DATA: not absolute, neither http nor https, has user:password@, or has bytes that must be percent-encoded.
/// The text of the error holds nothing of the URL, which may carry a token.
Result<Url> parse_url(std::string_view text);

/// What a Location header means for a request to `base`. INVALID_DATA as for parse_url.
Result<std::string> resolve_url(std::string_view base, std::string_view location);

std::string to_string(const Url& url);

/// "host" or "host:port" as the Host header says it: the port only when it is not the scheme's own.
std::string host_header(const Url& url);
/// "host:port" for people.
std::string host_and_port(const Url& url);

bool same_origin(const Url& a, const Url& b);

}  // namespace tomada::http
