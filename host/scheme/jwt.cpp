// JSON Web Tokens (RFC 7519) as webhook senders use them: compact form, one algorithm, exp required.
#include "host/base/encoding.hpp"
#include "host/base/json_depth.hpp"
#include "host/scheme/rules.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace tomada::scheme {
namespace {

using nlohmann::json;

constexpr std::size_t k_token_bytes_max = 16 * 1024;
constexpr std::int64_t k_lifetime_s = 60;  // of one that the host makes

std::string_view name_of(const SchemeRule& scheme) {
  if (scheme.algorithm == Algorithm::jwt_es256) return "ES256";
  if (scheme.algorithm == Algorithm::jwt_rs256) return "RS256";
  return scheme.digest == Digest::sha256 ? "HS256" : scheme.digest == Digest::sha384 ? "HS384" : "HS512";
}

/// nullopt: no base64, no JSON object.
std::optional<json> read_part(std::string_view text) {
  const auto decoded = base64_decode(text);
  if (!decoded || !is_json_depth_fine(*decoded)) return std::nullopt;
  json document = json::parse(*decoded, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  return document;
}

bool is_signed_by(const SchemeRule& scheme, std::string_view key, std::string_view text, std::string_view mark) {
  if (scheme.algorithm == Algorithm::jwt_hmac) return equal_in_constant_time(hmac(scheme.digest, key, text), mark);
  if (scheme.algorithm == Algorithm::jwt_rs256) return verify_rsa_sha256(key, text, mark);
  const auto der = ecdsa_to_der(mark);
  return der && verify_ecdsa_p256(key, text, *der);
}

/// nullopt: not there. A time that is no number never holds.
std::optional<std::int64_t> time_of(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end()) return std::nullopt;
  return found->is_number() ? static_cast<std::int64_t>(std::clamp(found->get<double>(), 0.0, 1e15)) : 0;
}

bool names_audience(const json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_array()) return std::find(found->begin(), found->end(), audience) != found->end();
  return *found == audience;
}

std::string to_base64url(std::string_view bytes) {
  std::string text = base64_encode(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

}  // namespace

std::string check_jwt(const SchemeRule& scheme, std::string_view key, std::string_view token, const Filling& filling,
                      std::int64_t now_s, std::int64_t leeway_s) {
  if (token.size() > k_token_bytes_max) return "the token is too long";
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return "the token is no JWT: it must have three parts";
  const auto header = read_part(token.substr(0, first));
  const auto claims = read_part(token.substr(first + 1, last - first - 1));
  const auto mark = base64_decode(token.substr(last + 1));
  if (!header || !claims || !mark) return "the token is no JWT: a part of it cannot be read";
  if (header->value("alg", json()) != json(name_of(scheme)))
    return "the token's algorithm is not " + std::string(name_of(scheme));
  if (header->contains("crit")) return "the token wants extensions that are not known here (crit)";
  if (!is_signed_by(scheme, key, token.substr(0, last), *mark))
    return "the token's signature does not match: the secret is another one";
  const auto expires = time_of(*claims, "exp");
  if (!expires) return "the token never expires (no exp)";
  if (*expires + leeway_s <= now_s) return "the token has expired";
  if (const auto from = time_of(*claims, "nbf"); from && *from - leeway_s > now_s)
    return "the token is not valid yet (nbf)";
  if (!scheme.jwt_audience.empty() && !names_audience(*claims, fill_or_empty(scheme.jwt_audience, filling)))
    return "the token is for another audience";
  if (!scheme.jwt_issuer.empty() && claims->value("iss", json()) != json(fill_or_empty(scheme.jwt_issuer, filling)))
    return "the token is from another issuer";
  return {};
}

Result<std::string> make_jwt(const SchemeRule& scheme, std::string_view key, const Filling& filling,
                             std::int64_t now_s) {
  if (scheme.algorithm != Algorithm::jwt_hmac)
    return fail(Errc::unsupported, "only the provider has the key that signs " + std::string(name_of(scheme)));
  json claims{{"exp", now_s + k_lifetime_s}, {"nbf", now_s}};
  if (!scheme.jwt_audience.empty()) claims["aud"] = fill_or_empty(scheme.jwt_audience, filling);
  if (!scheme.jwt_issuer.empty()) claims["iss"] = fill_or_empty(scheme.jwt_issuer, filling);
  std::string token = to_base64url(json{{"alg", name_of(scheme)}, {"typ", "JWT"}}.dump()) + "." +
                      to_base64url(claims.dump(-1, ' ', false, json::error_handler_t::replace));
  return token + "." + to_base64url(hmac(scheme.digest, key, token));
}

}  // namespace tomada::scheme
