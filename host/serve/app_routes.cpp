// /v1/apps: what a developer registered at a provider once, for many accounts.
#include "host/serve/routes.hpp"

#include "host/base/uuid.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/problem.hpp"

#include <algorithm>

namespace tomada::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using runtime::Task;

constexpr std::size_t k_credential_bytes_max = 16 * 1024;

ordered_json app_view(const Parts& parts, const store::App& app) {
  ordered_json view;
  view["id"] = app.app_id;
  view["name"] = app.app_name;
  view["provider"] = app.provider_name;
  view["webhook_url"] = parts.webhooks.url_of_app(app.app_id);
  view["has_credentials"] = !app.sealed_credentials.empty();
  view["is_enabled"] = app.is_enabled;
  view["allow_legacy"] = app.allow_legacy;
  view["shared"] = app.is_shared;
  view["created_at"] = time_or_null(app.created_at_ms);
  view["updated_at"] = time_or_null(app.updated_at_ms);
  view["version"] = app.version;
  return view;
}

/// The manifest's webhook, if apps can be routed with it; otherwise the 422.
Outcome<std::shared_ptr<const scheme::Webhook>> app_webhook(const abi::Manifest& manifest) {
  if (!manifest.document.contains("webhook"))
    return field_problem("provider", manifest.id + " receives no webhooks; only apps that do are registered here");
  auto compiled = scheme::Webhook::compile(manifest.document.at("webhook"), nullptr);
  if (compiled.has_error()) return field_problem(compiled.error());
  if (!(*compiled)->has_account())
    return field_problem("provider", manifest.id + " does not say which account an event is for; give the secret to each integration instead");
  return *std::move(compiled);
}

std::optional<Answer> set_app_credentials(Task& task, const Parts& parts, const scheme::Webhook& webhook, const json& credentials,
                                          store::App& app) {
  std::vector<std::string> known{"client_id", "client_secret", "webhook_secret"};
  for (const std::string& field : webhook.secret_fields())
    if (std::find(known.begin(), known.end(), field) == known.end()) known.push_back(field);
  for (const auto& [name, value] : credentials.items()) {
    const std::string field = "credentials." + name.substr(0, k_name_chars_max);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string words;
      for (const std::string& word : known) words += (words.empty() ? "" : ", ") + word;
      return field_problem(field, "unknown field; known are: " + words);
    }
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) return field_problem(field, "must be a text that is not empty");
    if (value.get_ref<const std::string&>().size() > k_credential_bytes_max)
      return field_problem(field, "must have at most " + std::to_string(k_credential_bytes_max) + " bytes");
  }
  auto sealed = parts.vault.seal(task, app.tenant_id, app.app_id, credentials);
  if (sealed.has_error()) return field_problem(sealed.error());
  app.sealed_credentials = *std::move(sealed);
  return std::nullopt;
}

std::optional<Answer> set_shared(const Request& request, std::optional<bool> shared, store::App& app) {
  if (!shared || *shared == app.is_shared) return std::nullopt;
  // Another tenant's events would come with this one's secret: not a tenant's decision.
  if (request.origin != Origin::control)
    return problem(403, Errc::forbidden, "only the operator of the host shares an app, with: tomada app create --shared");
  app.is_shared = *shared;
  return std::nullopt;
}

Outcome<store::App> find_app(Task& task, const Parts& parts, const Call& call, bool owned) {
  TOMADA_TRY_ASSIGN(auto found, parts.store.apps().find(task, call.principal.tenant_id, call.params[0]));
  if (!found) return problem(404, Errc::not_found, "no app with the id " + call.params[0]);
  if (owned && found->tenant_id != call.principal.tenant_id)
    return problem(403, Errc::forbidden, "this app is shared by another tenant, which alone may change it");
  return std::move(*found);
}

Answer list(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {"cursor", "limit"}));
  TOMADA_TRY_ASSIGN(const std::size_t limit, query.limit(k_page_default, k_page_max));
  const std::string after = query.text("cursor");
  if (!after.empty() && !is_uuid(after)) return problem(400, Errc::invalid_data, "cursor is not one that this list gave");
  TOMADA_TRY_ASSIGN(const auto found, parts.store.apps().list(task, call.principal.tenant_id, after, limit));
  auto views = ordered_json::array();
  for (const store::App& app : found) views.push_back(app_view(parts, app));
  ordered_json document{{"apps", std::move(views)}};
  document["next_cursor"] = found.size() == limit ? ordered_json(found.back().app_id) : ordered_json(nullptr);
  return json_answer(200, document);
}

Answer create(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"provider", "name", "credentials", "is_enabled", "allow_legacy", "shared"}));
  TOMADA_TRY_ASSIGN(const std::string provider, body.required_text("provider"));
  TOMADA_TRY_ASSIGN(const auto name, body.text("name"));
  TOMADA_TRY_ASSIGN(const auto credentials, body.object("credentials"));
  TOMADA_TRY_ASSIGN(const auto is_enabled, body.flag("is_enabled"));
  TOMADA_TRY_ASSIGN(const auto allow_legacy, body.flag("allow_legacy"));
  TOMADA_TRY_ASSIGN(const auto shared, body.flag("shared"));
  TOMADA_TRY_ASSIGN(const auto manifest, find_manifest(parts, call.principal.tenant_id, provider));
  if (auto refused = refuse_unless_allowed(task, parts, call.principal, provider)) return *refused;
  TOMADA_TRY_ASSIGN(const auto webhook, app_webhook(*manifest));

  store::App app;
  app.app_id = make_uuid_v7(parts.clock.wall());
  app.tenant_id = call.principal.tenant_id;
  app.provider_name = provider;
  app.app_name = name && !name->empty() ? *name : manifest->name;
  app.is_enabled = is_enabled.value_or(true);
  app.allow_legacy = allow_legacy.value_or(false);
  app.created_at_ms = app.updated_at_ms = parts.clock.unix_ms();
  if (auto refused = set_shared(call.request, shared, app)) return *refused;
  if (credentials)
    if (auto refused = set_app_credentials(task, parts, *webhook, *credentials, app)) return *refused;
  TOMADA_TRY(parts.store.apps().create(task, app));
  Answer answer = json_answer(201, app_view(parts, app));
  answer.headers.emplace_back("Location", "/v1/apps/" + app.app_id);
  return answer;
}

Answer read(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto app, find_app(task, parts, call, false));
  return json_answer(200, app_view(parts, app));
}

Answer change(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"name", "credentials", "is_enabled", "allow_legacy", "shared"}));
  TOMADA_TRY_ASSIGN(const auto name, body.text("name"));
  TOMADA_TRY_ASSIGN(const auto credentials, body.object("credentials"));
  TOMADA_TRY_ASSIGN(const auto is_enabled, body.flag("is_enabled"));
  TOMADA_TRY_ASSIGN(const auto allow_legacy, body.flag("allow_legacy"));
  TOMADA_TRY_ASSIGN(const auto shared, body.flag("shared"));
  TOMADA_TRY_ASSIGN(auto app, find_app(task, parts, call, true));
  if (name && name->empty()) return field_problem("name", "must not be empty");
  if (name) app.app_name = *name;
  if (is_enabled) app.is_enabled = *is_enabled;
  if (allow_legacy) app.allow_legacy = *allow_legacy;
  if (auto refused = set_shared(call.request, shared, app)) return *refused;
  if (credentials) {
    TOMADA_TRY_ASSIGN(const auto manifest, find_manifest(parts, app.tenant_id, app.provider_name));
    TOMADA_TRY_ASSIGN(const auto webhook, app_webhook(*manifest));
    if (auto refused = set_app_credentials(task, parts, *webhook, *credentials, app)) return *refused;
  }
  app.updated_at_ms = parts.clock.unix_ms();
  TOMADA_TRY(parts.store.apps().update(task, app));
  parts.webhooks.forget(app.app_id);
  TOMADA_TRY_ASSIGN(const auto changed, find_app(task, parts, call, true));
  return json_answer(200, app_view(parts, changed));
}

Answer remove(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto app, find_app(task, parts, call, true));
  if (auto removed = parts.store.apps().remove(task, app.tenant_id, app.app_id); removed.has_error()) {
    if (removed.error().code == Errc::conflict)
      return problem(409, Errc::conflict, "integrations use this app; take it from them first");
    return removed.error();
  }
  parts.webhooks.forget(app.app_id);
  return {204, "application/json", ""};
}

}  // namespace

void add_app_routes(Router& router, const Parts& parts) {
  const auto with = [parts](Answer (*handler)(Task&, const Parts&, const Call&)) {
    return [parts, handler](Task& task, const Call& call) { return handler(task, parts, call); };
  };
  router.add("GET", "/v1/apps", Access::viewer, with(list));
  router.add("POST", "/v1/apps", Access::admin, with(create));
  router.add("GET", "/v1/apps/{id}", Access::viewer, with(read));
  router.add("PATCH", "/v1/apps/{id}", Access::admin, with(change));
  router.add("DELETE", "/v1/apps/{id}", Access::admin, with(remove));
}

}  // namespace tomada::serve
