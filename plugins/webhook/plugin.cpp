#include "plugin.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <string>

namespace webhook {
namespace {

namespace sdk = tomada::sdk;

constexpr std::string_view k_entity = "event";

/// "2026-01-10T15:30:00.123Z"
std::string time_text(tomada_unix_ms unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds(unix_ms)};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss<milliseconds> of_day{time - day};
  char text[40];
  const int length =
      std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(of_day.hours().count()), static_cast<int>(of_day.minutes().count()),
                    static_cast<int>(of_day.seconds().count()), static_cast<int>(of_day.subseconds().count()));
  return {text, static_cast<std::size_t>(length)};
}

/// Is it one JSON value that may stand in a record as it is?
bool is_plain_json(std::string_view text) {
  std::size_t levels = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++levels > k_json_levels_max) return false;
    } else if ((c == '}' || c == ']') && levels > 0) {
      --levels;
    }
  }
  return nlohmann::json::accept(text);
}

/// What tells events apart: the sender's own headers, not those of the way here, and never a signature.
bool is_worth_keeping(std::string_view name) {
  if (name == "content-type" || name == "user-agent") return true;
  if (name.find("signature") != std::string_view::npos || name.starts_with("x-forwarded") || name == "x-real-ip")
    return false;
  return name.starts_with("x-") || name.starts_with("webhook-") || name.starts_with("svix-");
}

sdk::Object headers_of(std::span<const tomada_header> headers) {
  sdk::Object kept;
  std::size_t count = 0;
  for (const tomada_header& header : headers) {
    std::string name(sdk::view(header.name));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!is_worth_keeping(name) || header.value.len > k_header_bytes_max) continue;
    if (++count > k_headers_max) break;
    kept.field(name, sdk::view(header.value));
  }
  return kept;
}

}  // namespace

// The sender calls us; there is nobody to ask.
void Plugin::test_connection(sdk::Call&) {}

void Plugin::sync(sdk::Call&, const sdk::SyncRequest&) {
  throw sdk::Failure(TOMADA_E_UNSUPPORTED, "events come by webhook as they happen: there is nothing to fetch");
}

void Plugin::handle_webhook(sdk::Call& call, const sdk::Webhook& webhook) {
  sdk::Record record{std::string(webhook.event_id)};
  record.field("type", webhook.event_type)
      .field("received_at", time_text(webhook.received_at_ms))
      .field("headers", headers_of(webhook.headers))
      .field("body_bytes", webhook.body.size());
  if (webhook.body.size() > k_body_bytes_max)
    call.log().warn("the body of event " + record.external_id() + " is too large for a record; the webhook log has it");
  else if (is_plain_json(webhook.body))
    record.field("body", sdk::RawJson{webhook.body});
  else
    record.field("body", webhook.body);
  record.updated_at(webhook.received_at_ms);
  if (!call.records().upsert(k_entity, record))
    throw sdk::Failure(TOMADA_E_INVALID_DATA, "the host refused the record of this event");
}

}  // namespace webhook
