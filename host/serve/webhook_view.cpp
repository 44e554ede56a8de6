#include "host/serve/webhook_view.hpp"

#include "host/base/encoding.hpp"
#include "host/base/json_depth.hpp"
#include "host/serve/integration_view.hpp"
#include "host/service/redactor.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace tomada::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view k_hidden = "***";

/// Anywhere in a header's name.
constexpr std::array<std::string_view, 7> k_header_words{"authorization", "cookie", "signature", "token", "secret", "key", "password"};
/// At the end of a member's name: "access_token" is one, "tokenization_method" is none.
constexpr std::array<std::string_view, 17> k_field_words{
    "password", "passwd", "passphrase", "secret", "secretkey", "token", "apikey", "accesskey", "privatekey",
    "authorization", "signature", "credential", "cookie", "cardnumber", "iban", "cvc", "cvv"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

/// "API-Key", "api_key" and "apiKey" are one name.
std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ') out += lower(c);
  return out;
}

/// True when something was replaced.
bool hide_members(ordered_json& value, const Redaction& redaction) {
  bool changed = false;
  if (value.is_object()) {
    for (auto& [name, member] : value.items()) {
      if (!member.is_null() && is_secret_field(name, redaction)) {
        member = k_hidden;
        changed = true;
      } else {
        changed = hide_members(member, redaction) || changed;
      }
    }
  } else if (value.is_array()) {
    for (auto& element : value) changed = hide_members(element, redaction) || changed;
  }
  return changed;
}

bool looks_like_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

/// The text itself when nothing in it is secret: numbers and spaces stay as they were sent.
std::string hide_in_json(std::string_view text, const Redaction& redaction) {
  if (!is_json_depth_fine(text)) return std::string(k_hidden);  // too deep to look into
  ordered_json document = ordered_json::parse(text, nullptr, false);
  if (document.is_discarded() || !hide_members(document, redaction)) return std::string(text);
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string decode_form(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced).value_or(spaced);
}

std::string hide_in_form(std::string_view text, const Redaction& redaction) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!out.empty()) out += '&';
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (equals == pair.size()) {
      out += pair;
      continue;
    }
    const std::string value = decode_form(pair.substr(equals + 1));
    out += pair.substr(0, equals + 1);
    if (is_secret_field(decode_form(pair.substr(0, equals)), redaction)) {
      out += k_hidden;
    } else if (looks_like_json(value)) {  // Slack sends JSON in a parameter
      const std::string shown = hide_in_json(value, redaction);
      if (shown == value) out += pair.substr(equals + 1);
      else out += percent_encode(shown);
    } else {
      out += pair.substr(equals + 1);
    }
  }
  return out;
}

/// The intake keeps method and target as a header of its own; its query is read like a form.
std::string header_value(const std::string& name, const std::string& value, const Redaction& redaction) {
  if (is_secret_header(name)) return std::string(k_hidden);
  const std::size_t question = value.find('?');
  if (lowered(name) != "tomada-request" || question == std::string::npos) return service::redact(value, redaction.secrets);
  return service::redact(value.substr(0, question + 1) + hide_in_form(std::string_view(value).substr(question + 1), redaction),
                         redaction.secrets);
}

ordered_json error_view(const std::string& code, const std::string& message) {
  if (code.empty() && message.empty()) return nullptr;
  return {{"code", text_or_null(code)}, {"message", message}};
}

/// "Name: value\n"…
Headers split_headers(std::string_view lines) {
  Headers headers;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return headers;
}

/// A field may hold several secrets, one a line, while one is being rotated: each is a value to hide.
void add_secrets(credentials::Credentials&& opened, std::string_view prefix, credentials::Credentials& secrets) {
  for (auto& [field, secret] : opened) {
    const std::string name = std::string(prefix) + field;
    std::size_t index = 0;
    for (const std::string_view one : scheme::split_secrets(secret.expose_secret()))
      secrets.insert_or_assign(name + "#" + std::to_string(++index), Secret(one));
    secrets.insert_or_assign(name, std::move(secret));
  }
}

void add_fields(const Parts& parts, const std::string& tenant_id, const std::string& provider, const json* config,
                Redaction& redaction) {
  const auto release = parts.registry.find(provider, tenant_id);
  if (!release || !release->manifest->document.contains("webhook")) return;
  const auto compiled = scheme::Webhook::compile(release->manifest->document.at("webhook"), config);
  if (compiled.has_error()) return;
  const auto& named = (*compiled)->redacted_fields();
  redaction.fields.insert(redaction.fields.end(), named.begin(), named.end());
}

}  // namespace

Outcome<Redaction> redaction_of(runtime::Task& task, const Parts& parts, const store::Webhook& webhook) {
  Redaction redaction;
  if (!webhook.config_id.empty()) {
    TOMADA_TRY_ASSIGN(const auto integration, parts.store.integrations().find(task, webhook.tenant_id, webhook.config_id));
    if (integration) {
      TOMADA_TRY_ASSIGN(auto opened, parts.vault.open_sealed(task, integration->tenant_id, integration->config_id,
                                                             integration->sealed_credentials));
      add_secrets(std::move(opened), "integration.", redaction.secrets);
      const json config = json::parse(integration->config_json, nullptr, false);
      add_fields(parts, integration->tenant_id, integration->provider_name, config.is_object() ? &config : nullptr, redaction);
    }
  }
  if (!webhook.app_id.empty()) {
    TOMADA_TRY_ASSIGN(const auto app, parts.store.apps().find(task, webhook.tenant_id, webhook.app_id));
    if (app) {
      TOMADA_TRY_ASSIGN(auto opened, parts.vault.open_sealed(task, app->tenant_id, app->app_id, app->sealed_credentials));
      add_secrets(std::move(opened), "app.", redaction.secrets);
      add_fields(parts, app->tenant_id, app->provider_name, nullptr, redaction);
    }
  }
  return redaction;
}

bool is_secret_header(std::string_view name) {
  const std::string low = lowered(name);
  return std::any_of(k_header_words.begin(), k_header_words.end(),
                     [&](std::string_view word) { return low.find(word) != std::string::npos; });
}

bool is_secret_field(std::string_view name, const Redaction& redaction) {
  std::string fold = folded(name);
  if (fold.ends_with('s')) fold.pop_back();
  return std::any_of(k_field_words.begin(), k_field_words.end(), [&](std::string_view word) { return fold.ends_with(word); }) ||
         std::any_of(redaction.fields.begin(), redaction.fields.end(), [&](const std::string& named) {
           return folded(named) == folded(name);
         });
}

std::string redact_body(std::string_view body, std::string_view content_type, const Redaction& redaction) {
  std::string shown(body);
  if (looks_like_json(body)) {
    shown = hide_in_json(body, redaction);
  } else if (lowered(content_type).find("x-www-form-urlencoded") != std::string::npos) {
    shown = hide_in_form(body, redaction);
  }
  return service::redact(shown, redaction.secrets);
}

ordered_json webhook_summary(const store::Webhook& webhook) {
  ordered_json view;
  view["id"] = store::format_webhook_id(webhook.webhook_id);
  view["event_id"] = webhook.event_id;
  view["type"] = text_or_null(webhook.event_type);
  view["subject"] = text_or_null(webhook.subject);
  view["status"] = webhook.processing_status;
  view["verified"] = webhook.signature_verified;
  view["attempts"] = webhook.processing_attempts;
  view["received_at"] = time_or_null(webhook.received_at_ms);
  view["processed_at"] = time_or_null(webhook.processed_at_ms);
  view["next_attempt_at"] =
      webhook.processing_status == "pending" ? time_or_null(webhook.next_processing_at_ms) : ordered_json(nullptr);
  view["error"] = error_view(webhook.error_code, webhook.processing_error);
  view["source_ip"] = text_or_null(webhook.source_ip);
  view["body_bytes"] = webhook.body_bytes;
  if (!webhook.app_id.empty()) view["app_id"] = webhook.app_id;
  return view;
}

ordered_json webhook_details(const store::Webhook& webhook, std::span<const store::WebhookAttempt> attempts,
                             const Redaction& redaction) {
  ordered_json view = webhook_summary(webhook);
  auto tries = ordered_json::array();
  for (const store::WebhookAttempt& attempt : attempts) {
    ordered_json one;
    one["attempt"] = attempt.attempt;
    one["started_at"] = time_or_null(attempt.started_at_ms);
    one["duration_ms"] = static_cast<double>(attempt.duration_us) / 1000.0;
    one["error"] = error_view(attempt.error_code, attempt.error_message);
    tries.push_back(std::move(one));
  }
  view["attempt_log"] = std::move(tries);
  view["headers"] = nullptr;
  view["body"] = nullptr;
  view["body_encoding"] = nullptr;
  if (webhook.headers.empty() && webhook.body.empty()) return view;

  std::string content_type;
  auto headers = ordered_json::array();
  for (const auto& [name, value] : split_headers(webhook.headers)) {
    if (lowered(name) == "content-type") content_type = value;
    headers.push_back({{"name", name}, {"value", header_value(name, value, redaction)}});
  }
  view["headers"] = std::move(headers);
  const bool is_text = is_utf8(webhook.body);
  view["body"] = is_text ? redact_body(webhook.body, content_type, redaction)
                         : base64_encode(service::redact(webhook.body, redaction.secrets));
  view["body_encoding"] = is_text ? "utf-8" : "base64";
  return view;
}

}  // namespace tomada::serve
