// A received webhook as the API shows it: what is secret in its headers and its body is not shown. Private to serve/.
#pragma once

#include "host/credentials/vault.hpp"
#include "host/serve/message.hpp"
#include "host/serve/parts.hpp"

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::serve {

/// What must not be seen of one event. The host's own list of names holds always.
struct Redaction {
  std::vector<std::string> fields;    // JSON members and form parameters that the manifest names
  credentials::Credentials secrets;  // values, wherever they stand
};

/// Those of the event's integration and app.
Outcome<Redaction> redaction_of(runtime::Task& task, const Parts& parts, const store::Webhook& webhook);

/// A line of the log.
nlohmann::ordered_json webhook_summary(const store::Webhook& webhook);
/// The same with headers, body and attempts; headers and body are null once retention dropped them.
nlohmann::ordered_json webhook_details(const store::Webhook& webhook, std::span<const store::WebhookAttempt> attempts,
                                       const Redaction& redaction);

/// Names whose values are never shown: *signature*, authorization, cookie, ….
bool is_secret_header(std::string_view name);
/// Of JSON members and form parameters; case, '_' and '-' do not count.
bool is_secret_field(std::string_view name, const Redaction& redaction);

/// `body` is UTF-8 text: JSON and forms are read, in other text only known secret values are replaced.
std::string redact_body(std::string_view body, std::string_view content_type, const Redaction& redaction);

}  // namespace tomada::serve
