#include "host/serve/integration_view.hpp"

#include "host/base/encoding.hpp"
#include "host/base/uuid.hpp"
#include "host/serve/limit_fields.hpp"
#include "host/serve/problem.hpp"

namespace tomada::serve {

using nlohmann::json;
using nlohmann::ordered_json;

Outcome<store::Integration> find_integration(runtime::Task& task, const Parts& parts,
                                             const access::Principal& principal, std::string_view id) {
  if (is_uuid(id)) {
    TOMADA_TRY_ASSIGN(auto found, parts.store.integrations().find(task, principal.tenant_id, id));
    if (!found) return problem(404, Errc::not_found, "no integration with the id " + std::string(id));
    return std::move(*found);
  }
  TOMADA_TRY_ASSIGN(auto found, parts.store.integrations().find_by_provider(task, principal.tenant_id, id));
  if (found.empty()) return problem(404, Errc::not_found, "no integration with the id or provider " + std::string(id));
  if (found.size() == 1) return std::move(found.front());
  std::vector<FieldError> ids;
  for (const auto& integration : found) ids.push_back({integration.config_id, integration.integration_name});
  return problem(409, Errc::conflict,
                 "there are " + std::to_string(found.size()) + " integrations of " + std::string(id) + "; use the id of one", ids);
}

Result<std::optional<store::Sync>> last_sync(runtime::Task& task, const Parts& parts,
                                             const store::Integration& integration) {
  TOMADA_TRY_ASSIGN(auto syncs, parts.store.syncs().list(task, integration.tenant_id, integration.config_id, "", "", 1));
  std::optional<store::Sync> newest;
  if (!syncs.empty()) newest = std::move(syncs.front());
  return newest;
}

std::string status_word(const store::Integration& integration, const std::optional<store::Sync>& sync) {
  if (!integration.is_enabled) return "disabled";
  if (sync && (sync->operation_status == "pending" || sync->operation_status == "processing")) return "syncing";
  return integration.connection_status;
}

ordered_json time_or_null(std::optional<std::int64_t> unix_ms) {
  return unix_ms && *unix_ms > 0 ? ordered_json(format_time(*unix_ms)) : ordered_json(nullptr);
}

ordered_json text_or_null(const std::string& text) { return text.empty() ? ordered_json(nullptr) : ordered_json(text); }

Outcome<ordered_json> summary(runtime::Task& task, const Parts& parts, const store::Integration& integration) {
  TOMADA_TRY_ASSIGN(const auto sync, last_sync(task, parts, integration));
  ordered_json view;
  view["id"] = integration.config_id;
  view["name"] = integration.integration_name;
  view["provider"] = integration.provider_name;
  view["status"] = status_word(integration, sync);
  view["lastSync"] = time_or_null(integration.last_sync_at_ms);
  view["health"] = integration.health_status;
  return view;
}

Outcome<ordered_json> details(runtime::Task& task, const Parts& parts, const store::Integration& integration) {
  auto view = summary(task, parts, integration);
  if (view.has_error()) return view;
  auto& document = *view;
  document["is_enabled"] = integration.is_enabled;
  document["has_credentials"] = !integration.sealed_credentials.empty();
  document["config"] = ordered_json::parse(integration.config_json, nullptr, false);
  const auto release = parts.registry.find(integration.provider_name, integration.tenant_id);
  const bool has_webhook = release && release->manifest->document.contains("webhook");
  document["webhook_url"] = has_webhook ? ordered_json(parts.webhooks.url_of(integration.config_id)) : ordered_json(nullptr);
  document["app_id"] = text_or_null(integration.app_id);
  document["account_id"] = text_or_null(integration.account_id);
  document["allow_legacy"] = integration.allow_legacy;
  document["limits"] = limits_view(integration.limits);
  document["created_at"] = time_or_null(integration.created_at_ms);
  document["updated_at"] = time_or_null(integration.updated_at_ms);
  document["version"] = integration.version;
  return view;
}

Outcome<std::shared_ptr<const abi::Manifest>> find_manifest(const Parts& parts, std::string_view tenant_id,
                                                           std::string_view provider) {
  if (const auto release = parts.registry.find(provider, tenant_id)) return release->manifest;
  std::string available;
  for (const auto& [id, versions] : parts.registry.snapshot()->plugins) available += (available.empty() ? "" : ", ") + id;
  return field_problem("provider", "unknown provider \"" + std::string(provider) + "\"; available: " +
                                       (available.empty() ? "none (is the plugin directory right?)" : available));
}

std::optional<Answer> refuse_unless_allowed(runtime::Task& task, const Parts& parts,
                                            const access::Principal& principal, std::string_view provider) {
  const auto allowed = parts.store.tenants().is_plugin_allowed(task, principal.tenant_id, provider);
  if (allowed.has_error()) return Answer(allowed.error());
  if (*allowed) return std::nullopt;
  const std::string id(provider);
  return problem(403, Errc::forbidden, "the plugin " + id + " is not allowed for the tenant " + principal.tenant_name +
                                           "; the operator of the host allows it with: tomada plugin allow " + id +
                                           " --tenant " + principal.tenant_name);
}

std::optional<Answer> set_config(const abi::Manifest& manifest, const json& config, store::Integration& integration) {
  if (auto checked = abi::check_schema(manifest.config_schema, config, "config"); checked.has_error())
    return field_problem(checked.error());
  if (const auto webhook = manifest.document.find("webhook"); webhook != manifest.document.end())
    if (const auto compiled = scheme::Webhook::compile(*webhook, &config); compiled.has_error())
      return field_problem(compiled.error());
  integration.config_json = config.dump();
  return std::nullopt;
}

Outcome<WebhookFields> read_webhook_fields(const Body& body) {
  WebhookFields fields;
  TOMADA_TRY_ASSIGN(fields.app_id, body.text("app_id"));
  TOMADA_TRY_ASSIGN(fields.account_id, body.text("account_id"));
  TOMADA_TRY_ASSIGN(fields.allow_legacy, body.flag("allow_legacy"));
  return fields;
}

std::optional<Answer> set_webhook_fields(runtime::Task& task, const Parts& parts, const Request& request,
                                         const WebhookFields& fields, store::Integration& integration) {
  if (fields.app_id && !fields.app_id->empty()) {
    const auto app = parts.store.apps().find(task, integration.tenant_id, *fields.app_id);
    if (app.has_error()) return Answer(app.error());
    if (!*app) return field_problem("app_id", "no app with the id " + *fields.app_id);
    if ((*app)->provider_name != integration.provider_name)
      return field_problem("app_id", "that app is of " + (*app)->provider_name + ", not of " + integration.provider_name);
  }
  if (fields.app_id) integration.app_id = *fields.app_id;
  if (fields.account_id) integration.account_id = *fields.account_id;
  if (fields.allow_legacy) integration.allow_legacy = *fields.allow_legacy;
  if ((fields.app_id || fields.account_id) && !integration.app_id.empty() && !integration.account_id.empty() &&
      request.origin != Origin::control) {
    // Whoever names an account gets its events: of an app that others share, that would be anybody's.
    const auto app = parts.store.apps().find(task, integration.tenant_id, integration.app_id);
    if (app.has_error()) return Answer(app.error());
    if (*app && (*app)->tenant_id != integration.tenant_id)
      return problem(403, Errc::forbidden, "only the operator of the host names the account of a shared app, over the control socket: "
                                           "nothing proves yet that it is this tenant's");
  }
  return std::nullopt;
}

std::optional<Answer> set_credentials(runtime::Task& task, const Parts& parts, const abi::Manifest& manifest,
                                      const json& credentials, store::Integration& integration) {
  if (auto checked = abi::check_schema(manifest.credentials_schema, credentials, "credentials"); checked.has_error())
    return field_problem(checked.error());
  auto sealed = parts.vault.seal(task, integration.tenant_id, integration.config_id, credentials);
  if (sealed.has_error()) return field_problem(sealed.error());
  integration.sealed_credentials = *std::move(sealed);
  return std::nullopt;
}

}  // namespace tomada::serve
