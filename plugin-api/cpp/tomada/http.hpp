// HTTP as a plugin sees it. The host adds the authentication, follows redirects to allowed hosts and verifies TLS.
#pragma once

#include "tomada/services.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace tomada::sdk {

/// RFC 3986: every byte outside A-Za-z0-9-._~ (and outside `keep`) as %XX.
inline std::string percent_encode(std::string_view bytes, std::string_view keep = {}) {
  constexpr std::string_view k_digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || keep.find(c) != std::string_view::npos;
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      out += c;
    else
      (out += '%', out += k_digits[byte >> 4], out += k_digits[byte & 15]);
  }
  return out;
}

class Request {
 public:
  Request(std::string method, std::string url) : method_(std::move(method)), url_(std::move(url)) {}
  static Request get(std::string url) { return {"GET", std::move(url)}; }
  static Request post(std::string url) { return {"POST", std::move(url)}; }

  /// Appends name=value to the URL, both percent-encoded.
  Request& query(std::string_view name, std::string_view value) & {
    url_ += url_.find('?') == std::string::npos ? '?' : '&';
    url_ += percent_encode(name);
    url_ += '=';
    url_ += percent_encode(value);
    return *this;
  }
  Request& header(std::string name, std::string value) & {
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  Request& body(std::string bytes, std::string content_type) & {
    body_ = std::move(bytes);
    return header("Content-Type", std::move(content_type));
  }
  /// Upper bound for the whole exchange; the call's deadline applies as well. 0: the host's default.
  Request& timeout_ms(std::uint32_t ms) & { return timeout_ms_ = ms, *this; }
  /// Does not add the integration's authentication.
  Request& without_auth() & { return flags_ |= TOMADA_HTTP_NO_AUTH, *this; }

  // The same for a chain that starts with a temporary: Request::get(url).query("limit", "100").
  Request&& query(std::string_view name, std::string_view value) && { return std::move(query(name, value)); }
  Request&& header(std::string name, std::string value) && {
    return std::move(header(std::move(name), std::move(value)));
  }
  Request&& body(std::string bytes, std::string type) && { return std::move(body(std::move(bytes), std::move(type))); }
  Request&& timeout_ms(std::uint32_t ms) && { return std::move(timeout_ms(ms)); }
  Request&& without_auth() && { return std::move(without_auth()); }

  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  friend class Http;
  friend class Upload;
  /// Borrows from this and from `headers`.
  tomada_http_request as_c(std::vector<tomada_header>& headers) const {
    for (const auto& [name, value] : headers_) headers.push_back({slice(name), slice(value)});
    auto request = make<tomada_http_request>();
    request.timeout_ms = timeout_ms_;
    request.method = slice(method_);
    request.url = slice(url_);
    request.headers = headers.data();
    request.headers_count = headers.size();
    request.body = slice(body_);
    request.flags = flags_;
    return request;
  }

  std::string method_;
  std::string url_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string body_;
  std::uint32_t timeout_ms_{0};
  std::uint32_t flags_{0};
};

/// A response of the running call; released by the destructor.
class Response {
 public:
  Response(const tomada_http_service& http, tomada_call call, const tomada_http_result& result)
      : http_(&http), call_(call), handle_(result.response), status_(result.status) {}
  Response(Response&& other) noexcept
      : http_(other.http_), call_(other.call_), handle_(std::exchange(other.handle_, 0)), status_(other.status_) {}
  Response& operator=(Response&& other) noexcept {
    std::swap(http_, other.http_);
    std::swap(call_, other.call_);
    std::swap(handle_, other.handle_);
    std::swap(status_, other.status_);
    return *this;
  }
  ~Response() {
    if (handle_ != 0) http_->release(call_, handle_);  // [no-suspend]: safe while an exception passes
  }

  [[nodiscard]] std::uint32_t status() const { return status_; }
  [[nodiscard]] bool ok() const { return status_ >= 200 && status_ < 300; }

  /// By name in any case; lives as long as this response.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    tomada_slice value{};
    const tomada_status status = http_->header(call_, handle_, slice(name), &value);
    if (status == TOMADA_E_NOT_FOUND) return std::nullopt;
    check(status);
    return view(value);
  }

  /// Bytes that were read; 0 only at the end. Waits.
  std::size_t read(std::span<char> buffer) {
    std::uint64_t len = 0;
    check(http_->read(call_, handle_, buffer.data(), buffer.size(), &len));
    return static_cast<std::size_t>(len);
  }

  /// What is left of the body; lives as long as this response. Waits.
  std::string_view body() {
    tomada_slice body{};
    check(http_->body(call_, handle_, &body));
    return view(body);
  }

  /// The wait that `Retry-After` asks for in seconds; 0: no such header, or a date (then the host's own backoff is
  /// used).
  [[nodiscard]] std::uint64_t retry_after_ms() const {
    constexpr std::uint64_t k_seconds_max = 24 * 60 * 60;  // a longer wait is a mistake of the provider's
    const std::string_view text = header("Retry-After").value_or("");
    std::uint64_t seconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return 0;
    return std::min(seconds, k_seconds_max) * 1000;
  }

  /// The Failure that HTTP's own rules give for this status; a provider's own codes often say more.
  [[nodiscard]] Failure failure(std::string_view what) const {
    std::string message(what);
    message += ": HTTP " + std::to_string(status_);
    return Failure(status_for_http(status_), std::move(message)).http_status(status_).retry_after_ms(retry_after_ms());
  }

  /// Throws that Failure unless the status is 2xx. `what`: "list the items".
  void expect_ok(std::string_view what) const {
    if (!ok()) throw failure(what);
  }

  static tomada_status status_for_http(std::uint32_t status) {
    switch (status) {
      case 401:
        return TOMADA_E_UNAUTHENTICATED;
      case 403:
        return TOMADA_E_FORBIDDEN;
      case 404:
      case 410:
        return TOMADA_E_NOT_FOUND;
      case 409:
      case 412:
        return TOMADA_E_CONFLICT;
      case 429:
        return TOMADA_E_RATE_LIMITED;
      case 408:
        return TOMADA_E_UNAVAILABLE;
      case 501:
        return TOMADA_E_UNSUPPORTED;
      default:
        return status >= 500 ? TOMADA_E_UNAVAILABLE : TOMADA_E_PERMANENT;
    }
  }

 private:
  friend class Upload;
  const tomada_http_service* http_;
  tomada_call call_;
  tomada_response handle_;
  std::uint32_t status_;
};

/// A request whose body is written in pieces.
class Upload {
 public:
  void write(std::string_view bytes) { check(http_->write(call_, pending_.handle_, slice(bytes))); }
  /// Waits for the response's header.
  Response finish() && {
    auto result = make<tomada_http_result>();
    check(http_->finish(call_, pending_.handle_, &result));
    pending_.handle_ = 0;  // from now on the response's
    return Response(*http_, call_, result);
  }

 private:
  friend class Http;
  Upload(const tomada_http_service& http, tomada_call call, const tomada_http_result& opened)
      : http_(&http), call_(call), pending_(http, call, opened) {}
  const tomada_http_service* http_;
  tomada_call call_;
  Response pending_;  // owns the handle until finish()
};

class Http {
 public:
  Http(const tomada_http_service& http, tomada_call call) : http_(http), call_(call) {}

  /// Waits for the response's header. Every HTTP status is a Response; a Failure means that none came.
  Response send(const Request& request) const {
    std::vector<tomada_header> headers;
    const tomada_http_request c = request.as_c(headers);
    auto result = make<tomada_http_result>();
    check(http_.send(call_, &c, &result));
    return Response(http_, call_, result);
  }

  /// For a body that is not in memory. `length`: when it is known.
  Upload open(const Request& request, std::optional<std::uint64_t> length = {}) const {
    std::vector<tomada_header> headers;
    tomada_http_request c = request.as_c(headers);
    c.body_length = length.value_or(UINT64_MAX);
    auto opened = make<tomada_http_result>();
    check(http_.open(call_, &c, &opened.response));
    return Upload(http_, call_, opened);
  }

 private:
  const tomada_http_service& http_;
  tomada_call call_;
};

}  // namespace tomada::sdk
