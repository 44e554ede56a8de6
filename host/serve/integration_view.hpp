// An integration as the API shows it, and the ways to find and change one. Private to serve/.
#pragma once

#include "host/access/keys.hpp"
#include "host/serve/input.hpp"
#include "host/serve/message.hpp"
#include "host/serve/parts.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace tomada::serve {

/// `id` is an integration's id, or a provider's when the tenant has exactly one integration of it. Otherwise the 404,
/// or the 409 that names the ids.
Outcome<store::Integration> find_integration(runtime::Task& task, const Parts& parts,
                                             const access::Principal& principal, std::string_view id);

/// The newest sync, if any.
Result<std::optional<store::Sync>> last_sync(runtime::Task& task, const Parts& parts,
                                             const store::Integration& integration);
/// connected | syncing | created | error | disabled | reconnect_needed
std::string status_word(const store::Integration& integration, const std::optional<store::Sync>& sync);

/// {id, name, provider, status, lastSync, health}: the users' shape.
Outcome<nlohmann::ordered_json> summary(runtime::Task& task, const Parts& parts, const store::Integration& integration);
/// The same with config and times; never with credentials.
Outcome<nlohmann::ordered_json> details(runtime::Task& task, const Parts& parts, const store::Integration& integration);

/// Of the version that this tenant uses. 422 that names the providers there are.
Outcome<std::shared_ptr<const abi::Manifest>> find_manifest(const Parts& parts, std::string_view tenant_id,
                                                           std::string_view provider);
/// 403 that says how the operator allows it.
std::optional<Answer> refuse_unless_allowed(runtime::Task& task, const Parts& parts,
                                            const access::Principal& principal, std::string_view provider);

/// Checks `config` against the manifest, its webhook schemes with it as well, and puts it into `integration`.
std::optional<Answer> set_config(const abi::Manifest& manifest, const nlohmann::json& config,
                                 store::Integration& integration);
/// What webhooks of an integration come with; a field that is not given stays as it is, an empty text takes it away.
struct WebhookFields {
  std::optional<std::string> app_id, account_id;
  std::optional<bool> allow_legacy;
};
Outcome<WebhookFields> read_webhook_fields(const Body& body);
/// The app must exist, be of the integration's provider, and be the tenant's own or shared.
std::optional<Answer> set_webhook_fields(runtime::Task& task, const Parts& parts, const Request& request,
                                         const WebhookFields& fields, store::Integration& integration);

/// Checks and seals `credentials` into `integration`.
std::optional<Answer> set_credentials(runtime::Task& task, const Parts& parts, const abi::Manifest& manifest,
                                      const nlohmann::json& credentials, store::Integration& integration);

/// null for none.
nlohmann::ordered_json text_or_null(const std::string& text);
/// A time as text, or null for none.
nlohmann::ordered_json time_or_null(std::optional<std::int64_t> unix_ms);

}  // namespace tomada::serve
