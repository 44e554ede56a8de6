// POST …/sync, GET …/status, …/sync/status, …/sync/logs.
#include "host/serve/routes.hpp"

#include "host/base/uuid.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/problem.hpp"
#include "host/serve/sync_view.hpp"

#include <algorithm>
#include <array>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;
using runtime::Task;

constexpr std::array<std::string_view, 5> k_statuses{"pending", "processing", "completed", "failed", "partial"};

Answer start(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"type", "mode"}));
  TOMADA_TRY_ASSIGN(const auto type, body.text("type"));
  TOMADA_TRY_ASSIGN(const auto mode, body.text("mode"));
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY_ASSIGN(const auto sync_id,
                    parts.syncing.enqueue(task, integration, type.value_or(""), mode.value_or("incremental")));
  Answer answer = json_answer(202, {{"sync_id", sync_id}});
  answer.headers.emplace_back("Location", "/v1/integrations/" + integration.config_id + "/sync/status");
  return answer;
}

Answer status(Task& task, const Parts& parts, const Call& call, bool in_full) {
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY_ASSIGN(const auto sync, last_sync(task, parts, integration));
  ordered_json view;
  view["integration"] = integration.config_id;
  view["provider"] = integration.provider_name;
  view["status"] = status_word(integration, sync);
  view["progress"] = progress_view(sync);
  view["eta"] = time_or_null(eta_ms(sync, parts.clock.unix_ms()));
  if (in_full) view["sync"] = sync ? sync_view(*sync) : ordered_json(nullptr);
  return json_answer(200, view);
}

Answer logs(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {"filter", "status", "limit", "cursor"}));
  TOMADA_TRY_ASSIGN(const std::size_t limit, query.limit(k_page_default, k_page_max));
  // "filter" is the users' word for it.
  const std::string wanted = query.text("status").empty() ? query.text("filter") : query.text("status");
  if (!wanted.empty() && std::find(k_statuses.begin(), k_statuses.end(), wanted) == k_statuses.end())
    return problem(400, Errc::invalid_data, "status must be one of: pending, processing, completed, failed, partial");
  const std::string before = query.text("cursor");
  if (!before.empty() && !is_uuid(before)) return problem(400, Errc::invalid_data, "cursor is not one that this list gave");
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY_ASSIGN(const auto syncs, parts.store.syncs().list(task, integration.tenant_id, integration.config_id, wanted, before, limit));
  auto views = ordered_json::array();
  for (const store::Sync& sync : syncs) views.push_back(sync_view(sync));
  ordered_json document{{"logs", std::move(views)}};
  document["next_cursor"] = syncs.size() == limit ? ordered_json(syncs.back().sync_id) : ordered_json(nullptr);
  return json_answer(200, document);
}

}  // namespace

void add_sync_routes(Router& router, const Parts& parts) {
  router.add("POST", "/v1/integrations/{id}/sync", Access::operator_,
             [parts](Task& task, const Call& call) { return start(task, parts, call); });
  router.add("GET", "/v1/integrations/{id}/status", Access::viewer,
             [parts](Task& task, const Call& call) { return status(task, parts, call, false); });
  router.add("GET", "/v1/integrations/{id}/sync/status", Access::viewer,
             [parts](Task& task, const Call& call) { return status(task, parts, call, true); });
  router.add("GET", "/v1/integrations/{id}/sync/logs", Access::viewer,
             [parts](Task& task, const Call& call) { return logs(task, parts, call); });
}

}  // namespace tomada::serve
