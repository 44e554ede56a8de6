// The compiled form of a manifest's `webhook`. Private to scheme/.
#pragma once

#include "host/scheme/crypto.hpp"
#include "host/scheme/scheme.hpp"
#include "host/scheme/template.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tomada::scheme {

enum class Encoding { text, hex, base64 };
enum class Algorithm { hmac, plain_digest, ed25519, ecdsa_p256, token, basic, jwt_hmac, jwt_es256, jwt_rs256 };

/// Where a value stands in a request.
struct Place {
  enum class In { none, header, query, json };
  In in{In::none};
  std::string name;
  std::vector<std::string> path;  // json
  std::string separator;          // empty: one entry
  std::string prefix;             // entries without it do not count
};

struct Condition {
  enum class Is { equal, present, absent };
  Is is{Is::present};
  Template value;
  Template equals;
};

struct SecretRule {
  std::string field{"webhook_secret"};
  Encoding encoding{Encoding::text};
  std::string prefix;
};

struct SchemeRule {
  std::string id;
  bool legacy{false};
  std::vector<Condition> when;
  Algorithm algorithm{Algorithm::hmac};
  Digest digest{Digest::sha256};
  SecretRule secret;
  Place signature;
  Encoding encoding{Encoding::hex};
  Place timestamp;
  std::int64_t timestamp_unit{1};  // how many make a second
  std::int64_t tolerance_s{0};     // 0: not checked; JWT: leeway
  Template signed_text;
  bool refuses_empty_body{false};
  bool takes_no_body{false};  // what is signed leaves the body out
  bool any_port{false};
  std::string decode_in_query;
  Template jwt_audience, jwt_issuer;
  std::optional<Template> event_id, event_type;
};

struct HandshakeRule {
  std::string method;  // empty: any
  bool is_signed{false};
  std::vector<Condition> when;
  struct Token {
    Template value;
    std::string field;
  };
  std::optional<Token> token;
  struct Answer {
    Digest digest{Digest::sha256};
    Encoding encoding{Encoding::hex};
    Template signed_text;
    std::string field{"webhook_secret"};
  };
  std::optional<Answer> answer;
  std::optional<Template> text;                        // the reply, as text …
  std::vector<std::pair<std::string, Template>> json;  // … or as a JSON object; neither: empty
};

struct Rules {
  std::vector<SchemeRule> schemes;
  std::vector<HandshakeRule> handshakes;
  Reply reply{Reply::none};
  std::optional<std::vector<std::string>> events;
  Template event_id, event_type, subject, account;
  std::vector<std::string> redacted;
  std::vector<std::string> secret_headers, secret_query_parameters, secret_fields;
};

Result<Rules> compile_rules(const nlohmann::json& document, const nlohmann::json* config);

// --- What the functions of Webhook share ----------------------------------------------------------------------------

/// The entries at a place; an empty list when there is none. `wrong` says why when the place itself is not usable.
std::vector<std::string> entries_at(const Place& place, RequestView& request, std::string& wrong);
std::string words_of(const Place& place);
/// Strict: what does not decode is no signature.
std::optional<std::string> decode(Encoding encoding, std::string_view text);
std::string encode(Encoding encoding, std::string_view bytes);
/// The key of one secret; nullopt: it is not written as the scheme says.
std::optional<std::string> key_of(const SecretRule& rule, std::string_view secret);
bool holds(const Condition& condition, const Filling& filling);
/// The URLs that a provider may have signed.
std::vector<std::string> urls_of(const SchemeRule& scheme, std::string_view url);
/// Empty: the token is good. Else why not.
std::string check_jwt(const SchemeRule& scheme, std::string_view key, std::string_view token, const Filling& filling,
                      std::int64_t now_s, std::int64_t leeway_s);
/// For a test event. UNSUPPORTED: only the provider can.
Result<std::string> make_jwt(const SchemeRule& scheme, std::string_view key, const Filling& filling,
                             std::int64_t now_s);

struct Webhook::Impl {
  Rules rules;
  [[nodiscard]] const SchemeRule* find(std::string_view id) const;
};

}  // namespace tomada::scheme
