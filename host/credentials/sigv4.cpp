#include "host/credentials/sigv4.hpp"

#include "host/base/assert.hpp"
#include "host/base/encoding.hpp"
#include "host/http/url.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <vector>

namespace tomada::credentials {
namespace {

constexpr std::string_view k_algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view k_unsigned_payload = "UNSIGNED-PAYLOAD";

// What a proxy or libcurl may change or add on the way.
constexpr std::array<std::string_view, 10> k_never_signed{
    "authorization", "connection", "expect",  "keep-alive", "te", "trailer", "transfer-encoding",
    "upgrade",       "user-agent", "x-amzn-trace-id"};

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  const int ok = EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  TOMADA_ASSERT(ok == 1);
  return hex_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Secret hmac(std::string_view key, std::string_view text) {
  std::string digest(32, '\0');
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                          reinterpret_cast<unsigned char*>(digest.data()), &size);
  TOMADA_ASSERT(done != nullptr && size == digest.size());
  return Secret(std::move(digest));
}

struct Stamp {
  std::string date;  // 20150830
  std::string time;  // 20150830T123600Z
};

Stamp stamp_of(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  const std::string time(text.data(), size);
  return {time.substr(0, 8), time};
}

std::optional<std::string> encode_again(std::string_view encoded) {
  auto decoded = percent_decode(encoded);
  if (!decoded) return std::nullopt;
  return percent_encode(*decoded);
}

/// Each segment decoded and encoded once: what is sent, and what S3 signs.
std::optional<std::string> canonical_path(std::string_view path) {
  std::string result;
  for (std::size_t at = 0;;) {
    const std::size_t slash = path.find('/', at);
    const auto segment = encode_again(path.substr(at, slash - at));
    if (!segment) return std::nullopt;
    result += *segment;
    if (slash == std::string_view::npos) break;
    result += '/';
    at = slash + 1;
  }
  return result.empty() ? "/" : result;
}

/// RFC 3986, 5.2.4, and no empty segments.
std::string normalized(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_slash = true;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const auto segment = path.substr(at, slash - at);
    const bool is_last = slash == path.size();
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!segment.empty() && segment != ".") {
      kept.push_back(segment);
    }
    if (is_last) ends_in_slash = segment.empty() || segment == "." || segment == "..";
    at = slash + 1;
    if (!is_last && at >= path.size()) ends_in_slash = true;
  }
  std::string result = "/";
  for (std::size_t i = 0; i < kept.size(); ++i) {
    result += kept[i];
    if (i + 1 < kept.size() || ends_in_slash) result += '/';
  }
  return result;
}

using Parameters = std::vector<std::pair<std::string, std::string>>;  // encoded

/// A '+' stays a plus: in a URI it is no space.
std::optional<Parameters> parameters_of(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const auto piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(piece.size() + 1, query.size()));
    if (piece.empty()) continue;
    const auto equals = piece.find('=');
    auto name = encode_again(piece.substr(0, equals));
    auto value = equals == std::string_view::npos ? std::string() : encode_again(piece.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

std::string canonical_query(Parameters parameters) {
  std::sort(parameters.begin(), parameters.end());
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!query.empty()) query += '&';
    query += name + '=' + value;
  }
  return query;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string folded(std::string_view value) {
  std::string result;
  bool space = false;
  for (const char c : value) {
    if (is_space(c)) {
      space = true;
      continue;
    }
    if (space && !result.empty()) result += ' ';
    space = false;
    result += c;
  }
  return result;
}

struct SignedHeaders {
  std::string lines;  // "name:value\n" each
  std::string names;  // "a;b;c"
};

SignedHeaders canonical_headers(const http::Headers& headers) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : headers) {
    std::string key;
    for (const char c : name) key += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (std::find(k_never_signed.begin(), k_never_signed.end(), key) != k_never_signed.end()) continue;
    const auto [at, is_new] = sorted.try_emplace(key, folded(value));
    if (!is_new) at->second += ',' + folded(value);
  }
  SignedHeaders result;
  for (const auto& [name, value] : sorted) {
    result.lines += name + ':' + value + '\n';
    if (!result.names.empty()) result.names += ';';
    result.names += name;
  }
  return result;
}

struct Parts {
  http::Url url;
  std::string signed_path;
  Parameters parameters;
};

/// Rewrites url.path and the parameters in the one encoding that is signed and sent.
Result<Parts> take_apart(const http::Request& request, const SigV4& keys) {
  Parts parts;
  TOMADA_TRY_ASSIGN(parts.url, http::parse_url(request.url));
  auto path = canonical_path(parts.url.path);
  auto parameters = parameters_of(parts.url.query);
  if (!path || !parameters)
    return fail(Errc::invalid_data, "the URL has a percent sign without two hex digits after it");
  parts.url.path = *path;
  parts.signed_path = keys.normalize_path ? normalized(*path) : *std::move(path);
  if (keys.encode_path_twice) parts.signed_path = percent_encode(parts.signed_path, "/");
  parts.parameters = *std::move(parameters);
  return parts;
}

std::string scope_of(const Stamp& stamp, const SigV4& keys) {
  return stamp.date + '/' + keys.region + '/' + keys.service + "/aws4_request";
}

SigV4Trace trace_of(const std::string& method, const Parts& parts, const SignedHeaders& headers,
                    std::string_view payload_hash, const Stamp& stamp, const SigV4& keys) {
  SigV4Trace trace;
  trace.canonical_request = method + '\n' + parts.signed_path + '\n' + canonical_query(parts.parameters) + '\n' +
                            headers.lines + '\n' + headers.names + '\n' + std::string(payload_hash);
  trace.string_to_sign = std::string(k_algorithm) + '\n' + stamp.time + '\n' + scope_of(stamp, keys) + '\n' +
                         sha256_hex(trace.canonical_request);
  std::string first = "AWS4";
  first.reserve(4 + keys.secret_access_key.expose_secret().size());
  first += keys.secret_access_key.expose_secret();
  const Secret start(std::move(first));
  const Secret by_date = hmac(start.expose_secret(), stamp.date);
  const Secret by_region = hmac(by_date.expose_secret(), keys.region);
  const Secret by_service = hmac(by_region.expose_secret(), keys.service);
  const Secret key = hmac(by_service.expose_secret(), "aws4_request");
  trace.signature = hex_encode(hmac(key.expose_secret(), trace.string_to_sign).expose_secret());
  return trace;
}

}  // namespace

Result<SigV4Trace> sign_v4(http::Request& request, const SigV4& keys, std::chrono::system_clock::time_point now) {
  TOMADA_TRY_ASSIGN(auto parts, take_apart(request, keys));
  const Stamp stamp = stamp_of(now);
  auto& headers = request.headers;
  if (http::find_header(headers, "Host") == nullptr) headers.emplace_back("Host", http::host_header(parts.url));
  http::set_header(headers, "X-Amz-Date", stamp.time);
  std::string payload_hash;
  if (const auto* given = http::find_header(headers, "X-Amz-Content-Sha256")) payload_hash = *given;
  else payload_hash = request.streamed_length ? std::string(k_unsigned_payload) : sha256_hex(request.body);
  if (keys.content_sha256_header) http::set_header(headers, "X-Amz-Content-Sha256", payload_hash);
  if (!keys.session_token.empty() && keys.sign_session_token)
    http::set_header(headers, "X-Amz-Security-Token", keys.session_token);

  const SignedHeaders to_sign = canonical_headers(headers);
  SigV4Trace trace = trace_of(request.method, parts, to_sign, payload_hash, stamp, keys);
  if (!keys.session_token.empty()) http::set_header(headers, "X-Amz-Security-Token", keys.session_token);
  http::set_header(headers, "Authorization",
                   std::string(k_algorithm) + " Credential=" + keys.access_key_id + '/' + scope_of(stamp, keys) +
                       ", SignedHeaders=" + to_sign.names + ", Signature=" + trace.signature);
  parts.url.query = canonical_query(std::move(parts.parameters));
  request.url = http::to_string(parts.url);
  return trace;
}

Result<SigV4Trace> presign_v4(http::Request& request, const SigV4& keys, std::chrono::seconds valid_for,
                              std::chrono::system_clock::time_point now) {
  TOMADA_TRY_ASSIGN(auto parts, take_apart(request, keys));
  const Stamp stamp = stamp_of(now);
  if (http::find_header(request.headers, "Host") == nullptr)
    request.headers.emplace_back("Host", http::host_header(parts.url));
  const SignedHeaders to_sign = canonical_headers(request.headers);
  const auto add = [&](std::string_view name, std::string_view value) {
    parts.parameters.emplace_back(std::string(name), percent_encode(value));
  };
  add("X-Amz-Algorithm", k_algorithm);
  add("X-Amz-Credential", keys.access_key_id + '/' + scope_of(stamp, keys));
  add("X-Amz-Date", stamp.time);
  add("X-Amz-Expires", std::to_string(valid_for.count()));
  add("X-Amz-SignedHeaders", to_sign.names);
  if (!keys.session_token.empty() && keys.sign_session_token) add("X-Amz-Security-Token", keys.session_token);
  const auto* given = http::find_header(request.headers, "X-Amz-Content-Sha256");
  const std::string payload_hash = given != nullptr            ? *given
                                   : keys.service == "s3" ? std::string(k_unsigned_payload)
                                                          : sha256_hex(request.body);
  SigV4Trace trace = trace_of(request.method, parts, to_sign, payload_hash, stamp, keys);
  parts.url.query = canonical_query(std::move(parts.parameters));
  if (!keys.session_token.empty() && !keys.sign_session_token)
    parts.url.query += "&X-Amz-Security-Token=" + percent_encode(keys.session_token);
  parts.url.query += "&X-Amz-Signature=" + trace.signature;
  request.url = http::to_string(parts.url);
  return trace;
}

}  // namespace tomada::credentials
