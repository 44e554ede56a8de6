// Requests that only ask whether somebody is there: answered, never stored.
#include "host/scheme/rules.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace tomada::scheme {
namespace {

constexpr std::size_t k_reply_bytes_max = 4'096;  // it may echo what anybody sent
constexpr std::size_t k_challenge_bytes_max = 256;

/// Anybody may ask for an answer, and it is made with the key that signs events: no text that could be one is signed.
bool is_challenge(const Rules& rules, const HandshakeRule::Answer& rule, std::string_view text) {
  for (const SchemeRule& scheme : rules.schemes) {
    if (scheme.secret.field != rule.field || scheme.signed_text.empty()) continue;
    const Part& first = scheme.signed_text.parts().front();
    if (first.kind == Part::Kind::literal && text.starts_with(first.text)) return false;
  }
  const std::string_view unpadded = text.substr(0, text.find_last_not_of('=') + 1);
  const auto is_fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/:").find(c) != std::string_view::npos;
  };
  return !unpadded.empty() && text.size() <= k_challenge_bytes_max &&
         std::all_of(unpadded.begin(), unpadded.end(), is_fine);
}

Result<std::string> answer_of(const Rules& rules, const HandshakeRule::Answer& rule, const Filling& filling,
                              const Secrets& secrets) {
  const auto given = secrets.find(rule.field);
  if (given == secrets.end() || given->second.empty() || given->second.front().empty())
    return fail(Errc::forbidden, "no secret is stored in credentials." + rule.field);
  std::string text;
  if (const auto missing = fill(rule.signed_text, filling, Missing::refuse, text))
    return fail(Errc::invalid_data, *missing + " is missing");
  if (!is_challenge(rules, rule, text))
    return fail(Errc::forbidden, "the challenge is none: at most " + std::to_string(k_challenge_bytes_max) +
                                     " letters, digits and -._~+/: are answered, nothing that could be an event");
  return encode(rule.encoding, hmac(rule.digest, given->second.front(), text));
}

bool is_token_right(const HandshakeRule::Token& token, const Filling& filling, const Secrets& secrets) {
  const auto given = secrets.find(token.field);
  const auto value = fill_whole(token.value, filling);
  if (given == secrets.end() || !value || value->empty()) return false;
  for (const std::string_view secret : given->second)
    if (!secret.empty() && equal_in_constant_time(secret, *value)) return true;
  return false;
}

Result<std::optional<Handshake>> reply_of(const HandshakeRule& rule, const Filling& filling) {
  Handshake reply;
  if (rule.text) reply.body = fill_or_empty(*rule.text, filling);
  if (!rule.json.empty()) {
    nlohmann::ordered_json fields = nlohmann::ordered_json::object();
    for (const auto& [name, value] : rule.json) fields[name] = fill_or_empty(value, filling);
    reply.content_type = "application/json";
    reply.body = fields.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  if (reply.body.size() > k_reply_bytes_max)
    return fail(Errc::invalid_data, "the challenge is longer than " + std::to_string(k_reply_bytes_max) + " bytes");
  return std::optional(std::move(reply));
}

}  // namespace

Result<std::optional<Handshake>> Webhook::handshake(const Inbound& inbound, const Secrets& secrets,
                                                    const Verdict& verdict) const {
  RequestView request(inbound);
  for (const HandshakeRule& rule : impl_->rules.handshakes) {
    if (rule.is_signed && !verdict.valid) continue;
    if (!rule.method.empty() && rule.method != inbound.method) continue;
    Filling filling{.request = request, .json = JsonText(inbound.body), .url = inbound.url};
    bool matches = true;
    for (const Condition& condition : rule.when) matches = matches && holds(condition, filling);
    if (!matches) continue;
    if (rule.token && !is_token_right(*rule.token, filling, secrets))
      return fail(Errc::forbidden, "the handshake's token is not that of credentials." + rule.token->field);
    std::string answer;
    if (rule.answer) {
      TOMADA_TRY_ASSIGN(answer, answer_of(impl_->rules, *rule.answer, filling, secrets));
      filling.answer = answer;
    }
    return reply_of(rule, filling);
  }
  return std::optional<Handshake>();
}

}  // namespace tomada::scheme
