// /v1/integrations: list, create, read, change, remove.
#include "host/serve/routes.hpp"

#include "host/base/uuid.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/limit_fields.hpp"
#include "host/serve/problem.hpp"

namespace tomada::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using runtime::Task;

Answer list(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {"cursor", "limit"}));
  TOMADA_TRY_ASSIGN(const std::size_t limit, query.limit(k_page_default, k_page_max));
  const std::string after = query.text("cursor");
  if (!after.empty() && !is_uuid(after)) return problem(400, Errc::invalid_data, "cursor is not one that this list gave");
  TOMADA_TRY_ASSIGN(const auto found, parts.store.integrations().list(task, call.principal.tenant_id, after, limit));
  auto views = ordered_json::array();
  for (const store::Integration& integration : found) {
    TOMADA_TRY_ASSIGN(auto view, summary(task, parts, integration));
    views.push_back(std::move(view));
  }
  ordered_json document{{"integrations", std::move(views)}};
  document["next_cursor"] = found.size() == limit ? ordered_json(found.back().config_id) : ordered_json(nullptr);
  return json_answer(200, document);
}

Answer create(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"provider", "name", "config", "credentials", "app_id", "account_id", "allow_legacy", "limits"}));
  TOMADA_TRY_ASSIGN(const std::string provider, body.required_text("provider"));
  TOMADA_TRY_ASSIGN(const auto name, body.text("name"));
  TOMADA_TRY_ASSIGN(const auto config, body.object("config"));
  TOMADA_TRY_ASSIGN(const auto credentials, body.object("credentials"));
  TOMADA_TRY_ASSIGN(const auto webhook_fields, read_webhook_fields(body));
  TOMADA_TRY_ASSIGN(const auto limits, body.object("limits"));
  TOMADA_TRY_ASSIGN(const auto manifest, find_manifest(parts, call.principal.tenant_id, provider));
  if (auto refused = refuse_unless_allowed(task, parts, call.principal, provider)) return *refused;

  const std::int64_t now_ms = parts.clock.unix_ms();
  store::Integration integration;
  integration.config_id = make_uuid_v7(parts.clock.wall());
  integration.tenant_id = call.principal.tenant_id;
  integration.provider_name = provider;
  integration.integration_name = name && !name->empty() ? *name : manifest->name;
  integration.created_at_ms = now_ms;
  integration.updated_at_ms = now_ms;
  if (limits) {
    TOMADA_TRY_ASSIGN(integration.limits, read_limits(*limits));
  }
  if (auto refused = set_webhook_fields(task, parts, call.request, webhook_fields, integration)) return *refused;
  if (auto refused = set_config(*manifest, config.value_or(json::object()), integration)) return *refused;
  if (auto refused = set_credentials(task, parts, *manifest, credentials.value_or(json::object()), integration)) return *refused;
  TOMADA_TRY(parts.store.integrations().create(task, integration));

  TOMADA_TRY_ASSIGN(const auto view, details(task, parts, integration));
  Answer answer = json_answer(201, view);
  answer.headers.emplace_back("Location", "/v1/integrations/" + integration.config_id);
  return answer;
}

Answer read(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY_ASSIGN(const auto view, details(task, parts, integration));
  return json_answer(200, view);
}

Answer change(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"name", "config", "credentials", "is_enabled", "app_id", "account_id", "allow_legacy", "limits"}));
  TOMADA_TRY_ASSIGN(const auto name, body.text("name"));
  TOMADA_TRY_ASSIGN(const auto config, body.object("config"));
  TOMADA_TRY_ASSIGN(const auto credentials, body.object("credentials"));
  TOMADA_TRY_ASSIGN(const auto is_enabled, body.flag("is_enabled"));
  TOMADA_TRY_ASSIGN(const auto webhook_fields, read_webhook_fields(body));
  TOMADA_TRY_ASSIGN(const auto limits, body.object("limits"));
  TOMADA_TRY_ASSIGN(auto integration, find_integration(task, parts, call.principal, call.params[0]));
  if (name && name->empty()) return field_problem("name", "must not be empty");
  if (name) integration.integration_name = *name;
  if (is_enabled) integration.is_enabled = *is_enabled;
  if (limits) {
    TOMADA_TRY_ASSIGN(integration.limits, read_limits(*limits));
  }
  if (auto refused = set_webhook_fields(task, parts, call.request, webhook_fields, integration)) return *refused;
  if (config || credentials) {
    TOMADA_TRY_ASSIGN(const auto manifest, find_manifest(parts, integration.tenant_id, integration.provider_name));
    if (config)
      if (auto refused = set_config(*manifest, *config, integration)) return *refused;
    if (credentials)
      if (auto refused = set_credentials(task, parts, *manifest, *credentials, integration)) return *refused;
    integration.connection_status = "created";  // what was known about the connection is no longer true
  }
  integration.updated_at_ms = parts.clock.unix_ms();
  TOMADA_TRY(parts.store.integrations().update(task, integration));
  parts.webhooks.forget(integration.config_id);
  if (is_enabled.value_or(false)) parts.kick_jobs();  // events may have waited for it
  TOMADA_TRY_ASSIGN(const auto changed, find_integration(task, parts, call.principal, integration.config_id));
  TOMADA_TRY_ASSIGN(const auto view, details(task, parts, changed));
  return json_answer(200, view);
}

Answer remove(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY(parts.store.integrations().remove(task, integration.tenant_id, integration.config_id));
  parts.webhooks.forget(integration.config_id);
  return {204, "application/json", ""};
}

}  // namespace

void add_integration_routes(Router& router, const Parts& parts) {
  const auto with = [parts](Answer (*handler)(Task&, const Parts&, const Call&)) {
    return [parts, handler](Task& task, const Call& call) { return handler(task, parts, call); };
  };
  router.add("GET", "/v1/integrations", Access::viewer, with(list));
  router.add("POST", "/v1/integrations", Access::admin, with(create));
  router.add("GET", "/v1/integrations/{id}", Access::viewer, with(read));
  router.add("PATCH", "/v1/integrations/{id}", Access::admin, with(change));
  router.add("DELETE", "/v1/integrations/{id}", Access::admin, with(remove));
}

}  // namespace tomada::serve
