// From the manifest's `webhook` to rules.
#include "host/scheme/document.hpp"
#include "host/scheme/rules.hpp"

#include <algorithm>
#include <cctype>
#include <tuple>

namespace tomada::scheme {
namespace {

using nlohmann::json;
using Kind = Part::Kind;

constexpr std::size_t k_schemes_max = 16;
constexpr std::size_t k_handshakes_max = 8;
constexpr std::size_t k_conditions_max = 8;
constexpr std::size_t k_reply_fields_max = 16;
constexpr std::int64_t k_tolerance_max_s = 86'400;

const std::initializer_list<std::pair<std::string_view, Encoding>> k_encodings{{"hex", Encoding::hex},
                                                                               {"base64", Encoding::base64}};

/// "preset": "github", or a list of such values; null stands for a field that is not set.
bool config_matches(Document& reader, const json& wanted, const std::string& path, const json* config) {
  for (const auto& [field, value] : wanted.items())
    if (value.is_object()) reader.refuse(path + "." + field, "must be a value or a list of values");
  if (config == nullptr) return true;
  for (const auto& [field, value] : wanted.items()) {
    const json given = config->contains(field) ? config->at(field) : json();
    const auto is_it = [&](const json& one) { return one == given; };
    if (value.is_array() ? std::none_of(value.begin(), value.end(), is_it) : !is_it(value)) return false;
  }
  return true;
}

Place read_place(Document& reader, const json& from, const std::string& path,
                 std::initializer_list<std::string_view> allowed) {
  reader.only(from, path, allowed);
  Place place;
  std::size_t places_count = 0;
  const auto take = [&](const char* name, Place::In in) {
    if (reader.find(from, name) == nullptr) return;
    ++places_count;
    place.name = reader.text(from, path, name, "");
    if (!place.name.empty()) place.in = in;  // an empty name, out of a config field, means none
  };
  take("header", Place::In::header);
  take("query", Place::In::query);
  take("json", Place::In::json);
  if (places_count != 1) reader.refuse(path, "must name one of header, query and json");
  if (place.in == Place::In::json) place.path = split_path(place.name);
  place.separator = reader.text(from, path, "separator", "");
  place.prefix = reader.text(from, path, "prefix", "");
  return place;
}

std::vector<Condition> read_conditions(Document& reader, const json& from, const std::string& path) {
  std::vector<Condition> conditions;
  const json* list = reader.list(from, path, "when", k_conditions_max);
  if (list == nullptr) return conditions;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string at = path + ".when[" + std::to_string(i) + "]";
    const json& given = (*list)[i];
    if (!given.is_object()) {
      reader.refuse(at, "must be an object");
      return conditions;
    }
    reader.only(given, at, {"value", "equals", "present", "absent"});
    Condition condition;
    condition.value = reader.text_template(given, at, "value");
    if (condition.value.empty()) reader.refuse(at + ".value", "missing");
    const bool equals = reader.find(given, "equals") != nullptr;
    const bool absent = reader.flag(given, at, "absent", false);
    const bool present = reader.flag(given, at, "present", false);
    if (equals + absent + present != 1) reader.refuse(at, "must have one of equals, present and absent");
    condition.is = equals ? Condition::Is::equal : absent ? Condition::Is::absent : Condition::Is::present;
    if (equals) condition.equals = reader.text_template(given, at, "equals");
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

void read_algorithm(Document& reader, const json& from, const std::string& path, SchemeRule& scheme) {
  using Pair = std::pair<Algorithm, Digest>;
  std::tie(scheme.algorithm, scheme.digest) =
      reader.choice<Pair>(from, path, "algorithm", "",
                          {{"hmac-sha256", {Algorithm::hmac, Digest::sha256}},
                           {"hmac-sha1", {Algorithm::hmac, Digest::sha1}},
                           {"hmac-sha512", {Algorithm::hmac, Digest::sha512}},
                           {"sha256", {Algorithm::plain_digest, Digest::sha256}},
                           {"ed25519", {Algorithm::ed25519, Digest::sha512}},
                           {"ecdsa-p256-sha256", {Algorithm::ecdsa_p256, Digest::sha256}},
                           {"token", {Algorithm::token, Digest::sha256}},
                           {"basic", {Algorithm::basic, Digest::sha256}},
                           {"jwt-hs256", {Algorithm::jwt_hmac, Digest::sha256}},
                           {"jwt-hs384", {Algorithm::jwt_hmac, Digest::sha384}},
                           {"jwt-hs512", {Algorithm::jwt_hmac, Digest::sha512}},
                           {"jwt-es256", {Algorithm::jwt_es256, Digest::sha256}},
                           {"jwt-rs256", {Algorithm::jwt_rs256, Digest::sha256}}});
}

bool signs_text(Algorithm algorithm) {
  return algorithm == Algorithm::hmac || algorithm == Algorithm::plain_digest || algorithm == Algorithm::ed25519 ||
         algorithm == Algorithm::ecdsa_p256;
}
bool is_jwt(Algorithm algorithm) {
  return algorithm == Algorithm::jwt_hmac || algorithm == Algorithm::jwt_es256 || algorithm == Algorithm::jwt_rs256;
}

/// Is what stands at `part` signed as well?
bool covers(const Template& text, const Part& part) {
  if (part.kind == Kind::query_parameter &&
      (text.has(Kind::url) || text.has(Kind::query) || text.has(Kind::query_sorted)))
    return true;
  return std::any_of(text.parts().begin(), text.parts().end(),
                     [&](const Part& one) { return one.kind == part.kind && one.text == part.text; });
}

/// Compares the body's digest with something that is signed.
bool binds_body(const Condition& condition, const Template& signed_text) {
  const auto is_digest = [](const Template& side) { return side.parts().size() == 1 && side.has(Kind::body_sha256); };
  if (condition.is != Condition::Is::equal || is_digest(condition.value) == is_digest(condition.equals)) return false;
  const Template& other = is_digest(condition.value) ? condition.equals : condition.value;
  return other.parts().size() == 1 && covers(signed_text, other.parts().front());
}

/// A signature that leaves the body out is worth something only for requests without one.
bool covers_body(const SchemeRule& scheme) {
  const Template& text = scheme.signed_text;
  return text.has(Kind::body) || text.has(Kind::form_sorted) || text.has(Kind::body_sha256) ||
         std::any_of(scheme.when.begin(), scheme.when.end(),
                     [&](const Condition& condition) { return binds_body(condition, text); });
}

void check_signed_text(Document& reader, const std::string& path, SchemeRule& scheme) {
  const Template& text = scheme.signed_text;
  if (!signs_text(scheme.algorithm)) {
    if (!text.empty()) reader.refuse(path + ".signed", "this algorithm signs nothing of the request");
    return;
  }
  scheme.takes_no_body = !covers_body(scheme);
  if (scheme.takes_no_body && !text.has(Kind::query_sorted) && !text.has(Kind::url))
    reader.refuse(path + ".signed",
                  "must contain {body}, {form_sorted}, {body_sha256}, {url} or {query_sorted}: else anybody could "
                  "change the event");
  if (scheme.algorithm == Algorithm::plain_digest && !text.has(Kind::secret))
    reader.refuse(path + ".signed", "a plain digest must contain {secret}");
  if (text.has(Kind::timestamp) && scheme.timestamp.in == Place::In::none)
    reader.refuse(path + ".signed", "has {timestamp}, but the scheme names no timestamp");
  if (text.has(Kind::answer)) reader.refuse(path + ".signed", "{answer} is for the reply of a handshake");
}

void read_secret(Document& reader, const json& from, const std::string& path, SecretRule& secret) {
  const json* given = reader.object(from, path, "secret");
  if (given == nullptr) return;
  const std::string at = path + ".secret";
  reader.only(*given, at, {"field", "encoding", "prefix"});
  secret.field = reader.text(*given, at, "field", "webhook_secret");
  secret.prefix = reader.text(*given, at, "prefix", "");
  secret.encoding = reader.choice<Encoding>(
      *given, at, "encoding", "text", {{"text", Encoding::text}, {"base64", Encoding::base64}, {"hex", Encoding::hex}});
}

void read_url(Document& reader, const json& from, const std::string& path, SchemeRule& scheme) {
  const json* given = reader.object(from, path, "url");
  if (given == nullptr) return;
  reader.only(*given, path + ".url", {"port", "decode_in_query"});
  scheme.any_port = reader.choice<bool>(*given, path + ".url", "port", "exact", {{"exact", false}, {"any", true}});
  scheme.decode_in_query = reader.text(*given, path + ".url", "decode_in_query", "");
}

void read_jwt(Document& reader, const json& from, const std::string& path, SchemeRule& scheme) {
  const json* given = reader.object(from, path, "jwt");
  if (given == nullptr) return;
  if (!is_jwt(scheme.algorithm)) reader.refuse(path + ".jwt", "the algorithm is no JWT");
  reader.only(*given, path + ".jwt", {"audience", "issuer"});
  scheme.jwt_audience = reader.text_template(*given, path + ".jwt", "audience");
  scheme.jwt_issuer = reader.text_template(*given, path + ".jwt", "issuer");
}

SchemeRule read_scheme(Document& reader, const json& from, const std::string& path) {
  reader.only(from, path,
              {"id", "legacy", "when_config", "when", "algorithm", "secret", "signature", "timestamp", "tolerance_s",
               "signed", "empty_body", "url", "jwt", "event_id", "event_type"});
  SchemeRule scheme;
  scheme.id = reader.required_text(from, path, "id");
  scheme.legacy = reader.flag(from, path, "legacy", false);
  scheme.when = read_conditions(reader, from, path);
  read_algorithm(reader, from, path, scheme);
  read_secret(reader, from, path, scheme.secret);
  if (scheme.algorithm == Algorithm::basic) {
    scheme.signature = {Place::In::header, "Authorization", {}, "", ""};
    if (reader.find(from, "signature") != nullptr)
      reader.refuse(path + ".signature", "basic is always in the header Authorization");
  } else if (const json* place = reader.object(from, path, "signature")) {
    scheme.signature =
        read_place(reader, *place, path + ".signature", {"header", "query", "json", "separator", "prefix", "encoding"});
    scheme.encoding = reader.choice<Encoding>(*place, path + ".signature", "encoding", "hex", k_encodings);
    if (scheme.signature.in == Place::In::none) reader.refuse(path + ".signature", "must name its header");
  } else {
    reader.refuse(path + ".signature", "missing");
  }
  if (const json* place = reader.object(from, path, "timestamp")) {
    scheme.timestamp =
        read_place(reader, *place, path + ".timestamp", {"header", "query", "json", "separator", "prefix", "unit"});
    scheme.timestamp_unit =
        reader.choice<std::int64_t>(*place, path + ".timestamp", "unit", "s", {{"s", 1}, {"ms", 1'000}});
  }
  const std::int64_t tolerance = scheme.timestamp.in == Place::In::none ? 0 : k_tolerance_default_s;
  scheme.tolerance_s = reader.number(from, path, "tolerance_s", tolerance, k_tolerance_max_s);
  scheme.signed_text = reader.text_template(from, path, "signed");
  scheme.refuses_empty_body =
      reader.choice<bool>(from, path, "empty_body", "accept", {{"accept", false}, {"refuse", true}});
  read_url(reader, from, path, scheme);
  read_jwt(reader, from, path, scheme);
  if (reader.find(from, "event_id") != nullptr) scheme.event_id = reader.text_template(from, path, "event_id");
  if (reader.find(from, "event_type") != nullptr) scheme.event_type = reader.text_template(from, path, "event_type");
  check_signed_text(reader, path, scheme);
  return scheme;
}

void read_schemes(Document& reader, const json& document, const json* config, Rules& rules) {
  const json* list = reader.list(document, "webhook", "schemes", k_schemes_max);
  if (list == nullptr || list->empty()) return reader.refuse("webhook.schemes", "must name at least one scheme");
  for (std::size_t i = 0; i < list->size() && !reader.failed(); ++i) {
    const std::string path = "webhook.schemes[" + std::to_string(i) + "]";
    const json& given = (*list)[i];
    if (!given.is_object()) return reader.refuse(path, "must be an object");
    const json* wanted = reader.object(given, path, "when_config");
    if (wanted != nullptr && !config_matches(reader, *wanted, path + ".when_config", config)) continue;
    SchemeRule scheme = read_scheme(reader, given, path);
    for (const SchemeRule& other : rules.schemes)
      if (other.id == scheme.id) reader.refuse(path + ".id", "is there twice");
    rules.schemes.push_back(std::move(scheme));
  }
  if (rules.schemes.empty()) reader.refuse("webhook.schemes", "none is for this configuration");
}

void read_reply(Document& reader, const json& from, const std::string& path, HandshakeRule& rule) {
  const json* given = reader.object(from, path, "reply");
  if (given == nullptr) return;
  const std::string at = path + ".reply";
  reader.only(*given, at, {"text", "json"});
  if (reader.find(*given, "text") != nullptr) rule.text = reader.text_template(*given, at, "text");
  const json* fields = reader.object(*given, at, "json");
  if (fields == nullptr) return;
  if (rule.text) reader.refuse(at, "must have text or json, not both");
  if (fields->size() > k_reply_fields_max)
    reader.refuse(at + ".json", "must have at most " + std::to_string(k_reply_fields_max) + " fields");
  for (const auto& [name, value] : fields->items())
    rule.json.emplace_back(name, reader.text_template(*fields, at + ".json", name));
}

HandshakeRule read_handshake(Document& reader, const json& from, const std::string& path) {
  reader.only(from, path, {"method", "signed", "when", "token", "answer", "reply"});
  HandshakeRule rule;
  rule.method = reader.text(from, path, "method", "");
  rule.is_signed = reader.flag(from, path, "signed", false);
  rule.when = read_conditions(reader, from, path);
  if (const json* token = reader.object(from, path, "token")) {
    reader.only(*token, path + ".token", {"value", "field"});
    rule.token = HandshakeRule::Token{reader.text_template(*token, path + ".token", "value"),
                                      reader.text(*token, path + ".token", "field", "verify_token")};
  }
  if (const json* answer = reader.object(from, path, "answer")) {
    const std::string at = path + ".answer";
    reader.only(*answer, at, {"algorithm", "signed", "encoding", "field"});
    rule.answer = HandshakeRule::Answer{
        reader.choice<Digest>(
            *answer, at, "algorithm", "",
            {{"hmac-sha256", Digest::sha256}, {"hmac-sha1", Digest::sha1}, {"hmac-sha512", Digest::sha512}}),
        reader.choice<Encoding>(*answer, at, "encoding", "hex", k_encodings),
        reader.text_template(*answer, at, "signed"), reader.text(*answer, at, "field", "webhook_secret")};
  }
  read_reply(reader, from, path, rule);
  if (rule.method.empty() && rule.when.empty())
    reader.refuse(path, "must have a method or conditions: it would take every event");
  return rule;
}

void read_handshakes(Document& reader, const json& document, Rules& rules) {
  const json* list = reader.list(document, "webhook", "handshakes", k_handshakes_max);
  if (list == nullptr) return;
  for (std::size_t i = 0; i < list->size() && !reader.failed(); ++i) {
    const std::string path = "webhook.handshakes[" + std::to_string(i) + "]";
    if (!(*list)[i].is_object()) return reader.refuse(path, "must be an object");
    rules.handshakes.push_back(read_handshake(reader, (*list)[i], path));
  }
}

void add_once(std::vector<std::string>& list, std::string value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
}

/// What a later reader of the rules would have to find out again for each request.
void conclude(Rules& rules) {
  for (const SchemeRule& scheme : rules.schemes) {
    add_once(rules.secret_fields, scheme.secret.field);
    if (signs_text(scheme.algorithm)) continue;
    std::string name = scheme.signature.name;
    if (scheme.signature.in == Place::In::query) add_once(rules.secret_query_parameters, name);
    if (scheme.signature.in != Place::In::header) continue;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    add_once(rules.secret_headers, name);
  }
  for (const HandshakeRule& rule : rules.handshakes) {
    if (rule.token) add_once(rules.secret_fields, rule.token->field);
    if (rule.answer) add_once(rules.secret_fields, rule.answer->field);
  }
}

}  // namespace

Result<Rules> compile_rules(const json& given, const json* config) {
  const Errc code = config == nullptr ? Errc::invalid_data : Errc::invalid_config;
  if (!given.is_object()) return fail(Errc::invalid_data, "webhook: must be an object");
  json document = given;
  if (auto filled = fill_config(document, config); filled.has_error())
    return fail(code, "webhook: " + filled.error().message);
  Document reader;
  Rules rules;
  reader.only(document, "webhook",
              {"reply", "schemes", "handshakes", "events", "event_id", "event_type", "subject", "account", "redact"});
  rules.reply =
      reader.choice<Reply>(document, "webhook", "reply", "none", {{"none", Reply::none}, {"inline", Reply::inline_}});
  read_schemes(reader, document, config, rules);
  read_handshakes(reader, document, rules);
  if (const std::string events = reader.text(document, "webhook", "events", ""); !events.empty())
    rules.events = split_path(events);
  rules.event_id = reader.text_template(document, "webhook", "event_id");
  rules.event_type = reader.text_template(document, "webhook", "event_type");
  rules.subject = reader.text_template(document, "webhook", "subject");
  rules.account = reader.text_template(document, "webhook", "account");
  if (const json* redact = reader.list(document, "webhook", "redact", 64))
    for (const json& name : *redact) {
      if (name.is_string())
        rules.redacted.push_back(name.get<std::string>());
      else
        reader.refuse("webhook.redact", "must be a list of texts");
    }
  if (reader.failed()) return fail(code, reader.error());
  conclude(rules);
  return rules;
}

}  // namespace tomada::scheme
