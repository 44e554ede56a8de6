// Makes a request as the provider would, for a test event.
#include "host/base/encoding.hpp"
#include "host/scheme/rules.hpp"

#include <algorithm>

namespace tomada::scheme {
namespace {

bool can_sign(const SchemeRule& scheme) {
  const bool can = scheme.algorithm != Algorithm::ed25519 && scheme.algorithm != Algorithm::ecdsa_p256 &&
                   scheme.algorithm != Algorithm::jwt_es256 && scheme.algorithm != Algorithm::jwt_rs256;
  return can && scheme.signature.in != Place::In::json;
}

struct Signing {
  const SchemeRule& scheme;
  const Inbound& inbound;
  std::string key;
  std::int64_t now_s;
  Headers headers{};
  std::string query{};

  void set_header(const std::string& name, const std::string& value, const std::string& separator) {
    const auto found = std::find_if(headers.begin(), headers.end(),
                                    [&](const auto& header) { return equal_ignoring_case(header.first, name); });
    if (found == headers.end())
      headers.emplace_back(name, value);
    else
      found->second += separator + value;
  }
  void set(const Place& place, const std::string& value) {
    if (place.in == Place::In::header) set_header(place.name, place.prefix + value, place.separator);
    if (place.in == Place::In::query)
      query += (query.empty() ? "" : "&") + percent_encode(place.name) + "=" + percent_encode(place.prefix + value);
  }

  /// Headers that are signed, or that the event's id comes from: where there is none, the body's digest stands in.
  void add_missing(const Template& text) {
    for (const Part& part : text.parts()) {
      if (part.kind != Part::Kind::header || RequestView(inbound).header(part.text)) continue;
      const bool made = std::any_of(headers.begin(), headers.end(),
                                    [&](const auto& header) { return equal_ignoring_case(header.first, part.text); });
      if (!made)
        headers.emplace_back(part.text,
                             "tomada-test-" + hex_encode(digest(Digest::sha256, inbound.body)).substr(0, 32));
    }
  }

  Result<void> run() {
    add_missing(scheme.signed_text);
    if (scheme.event_id) add_missing(*scheme.event_id);
    const std::string timestamp = std::to_string(now_s * scheme.timestamp_unit);
    if (scheme.timestamp.in != Place::In::none) set(scheme.timestamp, timestamp);

    Headers all = inbound.headers;
    all.insert(all.end(), headers.begin(), headers.end());
    std::string url(inbound.url);
    if (!query.empty()) url += (url.find('?') == std::string::npos ? "?" : "&") + query;
    const Inbound sent{.method = inbound.method, .url = url, .headers = all, .body = inbound.body};
    RequestView request(sent);
    const std::string signed_url = urls_of(scheme, url).front();
    const Filling filling{.request = request,
                          .json = JsonText(inbound.body),
                          .url = signed_url,
                          .timestamp = timestamp,
                          .secret = key,
                          .omitted_query = scheme.signature.in == Place::In::query
                                               ? std::string_view(scheme.signature.name)
                                               : std::string_view()};
    switch (scheme.algorithm) {
      case Algorithm::token:
        set(scheme.signature, key);
        return {};
      case Algorithm::basic:
        headers.emplace_back("Authorization", "Basic " + base64_encode(key));
        return {};
      case Algorithm::jwt_hmac: {
        TOMADA_TRY_ASSIGN(const std::string token, make_jwt(scheme, key, filling, now_s));
        set(scheme.signature, token);
        return {};
      }
      default:
        break;
    }
    std::string text;
    if (const auto missing = fill(scheme.signed_text, filling, Missing::refuse, text))
      return fail(Errc::unsupported, *missing + " is signed, and a test event has none");
    set(scheme.signature, encode(scheme.encoding, scheme.algorithm == Algorithm::hmac ? hmac(scheme.digest, key, text)
                                                                                      : digest(scheme.digest, text)));
    return {};
  }
};

}  // namespace

Verdict Webhook::judge(const Inbound& inbound, const Signed& made, const Secrets& secrets, std::int64_t now_s) const {
  Headers headers = inbound.headers;
  headers.insert(headers.end(), made.headers.begin(), made.headers.end());
  std::string url(inbound.url);
  if (!made.query.empty()) url += (url.find('?') == std::string::npos ? "?" : "&") + made.query;
  return verify({.method = inbound.method, .url = url, .headers = headers, .body = inbound.body}, secrets,
                {.now_s = now_s, .allow_legacy = true});
}

Result<Webhook::Signed> Webhook::sign(const Inbound& inbound, const Secrets& secrets, std::int64_t now_s) const {
  Error why = fail(Errc::unsupported, "only the provider can sign for this integration: its scheme has a public key");
  for (const bool legacy : {false, true}) {
    for (const SchemeRule& scheme : impl_->rules.schemes) {
      if (scheme.legacy != legacy || !can_sign(scheme)) continue;
      const auto given = secrets.find(scheme.secret.field);
      std::optional<std::string> key;
      if (given != secrets.end() && !given->second.empty() && !given->second.front().empty())
        key = key_of(scheme.secret, given->second.front());
      if (!key) {
        why = fail(Errc::invalid_config,
                   "no secret that this scheme can use is stored in credentials." + scheme.secret.field);
        continue;
      }
      Signing signing{.scheme = scheme, .inbound = inbound, .key = *std::move(key), .now_s = now_s};
      if (auto done = signing.run(); done.has_error()) {
        why = std::move(done).error();
        continue;
      }
      Signed made{std::move(signing.headers), std::move(signing.query)};
      // The proof of what was made: a scheme may want more of a request than a test event has.
      const Verdict verdict = judge(inbound, made, secrets, now_s);
      if (verdict.valid) return made;
      why = fail(Errc::unsupported, "a test event does not fit this provider's scheme: " + verdict.reason);
    }
  }
  return why;
}

}  // namespace tomada::scheme
