#include "host/http/url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace tomada::http {
namespace {

struct FreeUrl {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
using Handle = std::unique_ptr<CURLU, FreeUrl>;

// No flag for spaces, other schemes or users: whatever is unusual is refused.
constexpr unsigned k_flags = CURLU_PATH_AS_IS | CURLU_DISALLOW_USER;

Result<void> set(CURLU* handle, std::string_view text) {
  if (text.size() > k_url_bytes_max)
    return fail(Errc::invalid_data, "the URL is longer than " + std::to_string(k_url_bytes_max) + " bytes");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= 0x20 || c >= 0x7f; }))
    return fail(Errc::invalid_data, "the URL has spaces, control or non-ASCII characters that must be percent-encoded");
  const CURLUcode code = curl_url_set(handle, CURLUPART_URL, std::string(text).c_str(), k_flags);
  if (code == CURLUE_OK) return {};
  if (code == CURLUE_USER_NOT_ALLOWED) return fail(Errc::invalid_data, "the URL must not have user:password@");
  if (code == CURLUE_BAD_SCHEME || code == CURLUE_UNSUPPORTED_SCHEME)
    return fail(Errc::invalid_data, "the URL must start with http:// or https://");
  return fail(Errc::invalid_data, std::string("the URL cannot be read: ") + curl_url_strerror(code));
}

std::string part(CURLU* handle, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, what, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

bool is_default_port(const Url& url) { return url.port == (url.scheme == "https" ? 443 : 80); }

std::string bracketed(const Url& url) {
  return url.host.find(':') == std::string::npos ? url.host : '[' + url.host + ']';
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  // libcurl forgives one or three slashes; other parsers read another host out of them.
  const auto slashes = text.find("://");
  if (slashes == std::string_view::npos || text.substr(slashes + 3).starts_with('/'))
    return fail(Errc::invalid_data, "the URL must start with http:// or https:// and a host");
  const Handle handle(curl_url());
  TOMADA_TRY(set(handle.get(), text));
  Url url;
  url.scheme = lower(part(handle.get(), CURLUPART_SCHEME));
  if (url.scheme != "http" && url.scheme != "https")
    return fail(Errc::invalid_data, "the URL must start with http:// or https://");
  // libcurl hands out "user@host" as user and host; DISALLOW_USER lets an empty user through.
  if (!part(handle.get(), CURLUPART_USER).empty() || !part(handle.get(), CURLUPART_PASSWORD).empty())
    return fail(Errc::invalid_data, "the URL must not have user:password@");
  url.host = lower(part(handle.get(), CURLUPART_HOST));
  if (url.host.size() > 2 && url.host.front() == '[') url.host = url.host.substr(1, url.host.size() - 2);
  if (url.host.empty()) return fail(Errc::invalid_data, "the URL has no host");
  const std::string port = part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc{} || end != port.data() + port.size() || url.port == 0)
    return fail(Errc::invalid_data, "the URL's port must be 1 to 65535");
  url.path = part(handle.get(), CURLUPART_PATH);
  if (url.path.empty()) url.path = "/";
  url.query = part(handle.get(), CURLUPART_QUERY);
  return url;
}

Result<std::string> resolve_url(std::string_view base, std::string_view location) {
  const Handle handle(curl_url());
  TOMADA_TRY(set(handle.get(), base));
  TOMADA_TRY(set(handle.get(), location));  // libcurl resolves it against what the handle holds
  TOMADA_TRY_ASSIGN(const Url url, parse_url(part(handle.get(), CURLUPART_URL)));
  return to_string(url);
}

std::string to_string(const Url& url) {
  std::string text = url.scheme + "://" + host_header(url) + url.path;
  if (!url.query.empty()) text += '?' + url.query;
  return text;
}

std::string host_header(const Url& url) {
  return is_default_port(url) ? bracketed(url) : host_and_port(url);
}

std::string host_and_port(const Url& url) { return bracketed(url) + ':' + std::to_string(url.port); }

bool same_origin(const Url& a, const Url& b) { return a.scheme == b.scheme && a.host == b.host && a.port == b.port; }

}  // namespace tomada::http
