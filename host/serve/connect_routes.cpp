// POST …/connect and …/test: credentials in, and does the provider accept them?
#include "host/serve/routes.hpp"

#include "host/base/uuid.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/problem.hpp"

namespace tomada::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using runtime::Task;

/// {ok, latency_ms, detail, error_code?}. A plugin that cannot be asked is an answer too: what failed is in it.
ordered_json test(Task& task, const Parts& parts, const store::Integration& integration) {
  const auto outcome = parts.syncing.test_connection(task, integration);
  ordered_json view;
  view["ok"] = outcome.has_value() && outcome->ok;
  view["latency_ms"] = outcome.has_value() ? ordered_json(outcome->latency.count()) : ordered_json(nullptr);
  view["detail"] = outcome.has_value() ? outcome->detail : outcome.error().message;
  if (outcome.has_error()) {
    view["error_code"] = to_string(outcome.error().code);
  } else if (!outcome->ok) {
    view["error_code"] = outcome->error_code;
  }
  return view;
}

/// {id} is a provider's id that this tenant has no integration of: nothing. Otherwise what find_integration says.
Outcome<std::optional<store::Integration>> find_or_none(Task& task, const Parts& parts, const Call& call) {
  const std::string& id = call.params[0];
  if (!is_uuid(id)) {
    TOMADA_TRY_ASSIGN(const auto found, parts.store.integrations().find_by_provider(task, call.principal.tenant_id, id));
    if (found.empty()) return std::optional<store::Integration>{};
  }
  auto found = find_integration(task, parts, call.principal, id);
  if (found.has_error()) return std::move(found).error();
  return std::optional(*std::move(found));
}

Answer connect(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"name", "config", "credentials", "app_id", "account_id", "allow_legacy"}));
  TOMADA_TRY_ASSIGN(const auto name, body.text("name"));
  TOMADA_TRY_ASSIGN(const auto config, body.object("config"));
  TOMADA_TRY_ASSIGN(const auto credentials, body.object("credentials"));
  TOMADA_TRY_ASSIGN(const auto webhook_fields, read_webhook_fields(body));
  TOMADA_TRY_ASSIGN(const auto found, find_or_none(task, parts, call));
  const std::string provider = found ? found->provider_name : call.params[0];
  TOMADA_TRY_ASSIGN(const auto manifest, find_manifest(parts, call.principal.tenant_id, provider));
  if (auto refused = refuse_unless_allowed(task, parts, call.principal, provider)) return *refused;

  const std::int64_t now_ms = parts.clock.unix_ms();
  store::Integration integration;
  if (found) {
    integration = *found;
  } else {
    integration.config_id = make_uuid_v7(parts.clock.wall());
    integration.tenant_id = call.principal.tenant_id;
    integration.provider_name = provider;
    integration.integration_name = manifest->name;
    integration.created_at_ms = now_ms;
  }
  integration.updated_at_ms = now_ms;
  integration.connection_status = "created";
  if (name && !name->empty()) integration.integration_name = *name;
  if (auto refused = set_webhook_fields(task, parts, call.request, webhook_fields, integration)) return *refused;
  if (config || !found)
    if (auto refused = set_config(*manifest, config.value_or(json::object()), integration)) return *refused;
  if (credentials || !found)
    if (auto refused = set_credentials(task, parts, *manifest, credentials.value_or(json::object()), integration)) return *refused;
  TOMADA_TRY(found ? parts.store.integrations().update(task, integration)
                   : parts.store.integrations().create(task, integration));
  parts.webhooks.forget(integration.config_id);

  // Read again: the version has changed, and the test must see what is stored.
  TOMADA_TRY_ASSIGN(const auto stored, find_integration(task, parts, call.principal, integration.config_id));
  const ordered_json outcome = test(task, parts, stored);
  TOMADA_TRY_ASSIGN(const auto tested, find_integration(task, parts, call.principal, integration.config_id));
  TOMADA_TRY_ASSIGN(auto view, details(task, parts, tested));
  view["test"] = outcome;
  Answer answer = json_answer(found ? 200 : 201, view);
  if (!found) answer.headers.emplace_back("Location", "/v1/integrations/" + integration.config_id);
  return answer;
}

}  // namespace

void add_connect_routes(Router& router, const Parts& parts) {
  router.add("POST", "/v1/integrations/{id}/connect", Access::admin,
             [parts](Task& task, const Call& call) { return connect(task, parts, call); });
  router.add("POST", "/v1/integrations/{id}/test", Access::operator_, [parts](Task& task, const Call& call) -> Answer {
    TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {}));
    TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
    return json_answer(200, test(task, parts, integration));
  });
}

}  // namespace tomada::serve
