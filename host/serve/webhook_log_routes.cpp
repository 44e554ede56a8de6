// …/webhooks/logs, …/webhooks/replay, …/webhooks/test: what came in, what became of it, and again.
#include "host/serve/routes.hpp"

#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/serve/problem.hpp"
#include "host/serve/webhook_view.hpp"

#include <algorithm>
#include <array>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;
using runtime::Task;

constexpr std::array<std::string_view, 6> k_statuses{"pending", "processing", "completed", "failed", "partial", "ignored"};
constexpr std::array<std::string_view, 4> k_finished{"completed", "failed", "partial", "ignored"};
constexpr std::size_t k_replay_ids_max = 1'000;
constexpr std::size_t k_replay_page_count = 1'000;
constexpr std::size_t k_replay_pages_max = 10;  // of one request; then there is a cursor

/// Whose events: an integration's, or those of an app that belong to none.
struct Source {
  std::string tenant_id, config_id, app_id;
};

template <std::size_t N>
std::optional<Answer> refuse_status(const std::string& status, const std::array<std::string_view, N>& known) {
  if (status.empty() || std::find(known.begin(), known.end(), status) != known.end()) return std::nullopt;
  std::string words;
  for (const std::string_view word : known) words += (words.empty() ? "" : ", ") + std::string(word);
  return problem(400, Errc::invalid_data, "status must be one of: " + words);
}

/// 0 for no cursor.
Outcome<std::int64_t> read_cursor(const std::string& text) {
  if (text.empty()) return std::int64_t{0};
  const auto id = store::parse_webhook_id(text);
  if (!id) return problem(400, Errc::invalid_data, "cursor is not one that this list gave");
  return *id;
}

Answer list(Task& task, const Parts& parts, const Call& call, const Source& source) {
  TOMADA_TRY_ASSIGN(const Query query, Query::parse(call.request, {"status", "type", "since", "until", "verified", "cursor", "limit"}));
  store::WebhookFilter filter;
  filter.status = query.text("status");
  filter.event_type = query.text("type");
  if (auto refused = refuse_status(filter.status, k_statuses)) return *refused;
  TOMADA_TRY_ASSIGN(filter.since_ms, query.time("since"));
  TOMADA_TRY_ASSIGN(filter.until_ms, query.time("until"));
  TOMADA_TRY_ASSIGN(filter.signature_verified, query.flag("verified"));
  TOMADA_TRY_ASSIGN(filter.before_id, read_cursor(query.text("cursor")));
  TOMADA_TRY_ASSIGN(filter.limit, query.limit(k_page_default, k_page_max));
  TOMADA_TRY_ASSIGN(const auto found, parts.store.webhooks().list(task, source.tenant_id, source.config_id, source.app_id, filter));
  auto views = ordered_json::array();
  for (const store::Webhook& webhook : found) views.push_back(webhook_summary(webhook));
  ordered_json document{{"logs", std::move(views)}};
  document["next_cursor"] = found.size() == filter.limit ? ordered_json(store::format_webhook_id(found.back().webhook_id))
                                                         : ordered_json(nullptr);
  return json_answer(200, document);
}

Outcome<store::Webhook> find_webhook(Task& task, const Parts& parts, const Source& source, const std::string& id) {
  if (const auto webhook_id = store::parse_webhook_id(id)) {
    TOMADA_TRY_ASSIGN(auto found, parts.store.webhooks().find(task, source.tenant_id, source.config_id, *webhook_id));
    if (found && (source.app_id.empty() || found->app_id == source.app_id)) return std::move(*found);
  }
  return problem(404, Errc::not_found, "no webhook with the id " + id);
}

Answer show(Task& task, const Parts& parts, const Source& source, const std::string& id) {
  TOMADA_TRY_ASSIGN(const auto webhook, find_webhook(task, parts, source, id));
  TOMADA_TRY_ASSIGN(const auto attempts, parts.store.webhooks().attempts(task, source.tenant_id, source.config_id, webhook.webhook_id));
  TOMADA_TRY_ASSIGN(const auto redaction, redaction_of(task, parts, webhook));
  return json_answer(200, webhook_details(webhook, attempts, redaction));
}

Answer replay_one(Task& task, const Parts& parts, const Source& source, const std::string& id) {
  TOMADA_TRY_ASSIGN(const auto webhook, find_webhook(task, parts, source, id));
  if (!webhook.signature_verified)
    return problem(409, Errc::conflict, "webhook " + id + " was refused: its signature was not valid; it is never replayed");
  TOMADA_TRY_ASSIGN(const auto count, parts.store.webhooks().replay(task, source.tenant_id, source.config_id,
                                                                   {.webhook_ids = {webhook.webhook_id}}, parts.clock.unix_ms()));
  if (count == 0)
    return problem(409, Errc::conflict, "webhook " + id + " is " + webhook.processing_status +
                                            (webhook.body_bytes > 0 && webhook.body.empty() ? "; its payload is no longer kept"
                                                                                            : "; it will be worked off without a replay"));
  parts.kick_jobs();
  return json_answer(202, {{"replayed", count}});
}

/// One page after the other by the log's own order: what a replay puts back to work does not come up again.
Answer replay_found(Task& task, const Parts& parts, const Source& source, store::WebhookFilter filter) {
  filter.signature_verified = true;
  filter.limit = k_replay_page_count;
  const std::int64_t now_ms = parts.clock.unix_ms();
  std::int64_t count = 0;
  bool more = true;
  for (std::size_t pages = 0; more && pages < k_replay_pages_max && !task.interruption(); ++pages) {
    TOMADA_TRY_ASSIGN(const auto found, parts.store.webhooks().list(task, source.tenant_id, source.config_id, source.app_id, filter));
    more = found.size() == filter.limit;
    if (found.empty()) break;
    store::WebhookReplay replay{.status = filter.status};
    for (const store::Webhook& webhook : found) replay.webhook_ids.push_back(webhook.webhook_id);
    TOMADA_TRY_ASSIGN(const auto replayed, parts.store.webhooks().replay(task, source.tenant_id, source.config_id, replay, now_ms));
    count += replayed;
    filter.before_id = found.back().webhook_id;
  }
  if (count > 0) parts.kick_jobs();
  ordered_json document{{"replayed", count}};
  document["next_cursor"] = more ? ordered_json(store::format_webhook_id(filter.before_id)) : ordered_json(nullptr);
  return json_answer(202, document);
}

Answer replay_ids(Task& task, const Parts& parts, const Source& source, const std::vector<std::string>& ids) {
  store::WebhookReplay replay;
  for (const std::string& id : ids) {
    const auto webhook_id = store::parse_webhook_id(id);
    if (!webhook_id) return field_problem("ids", "must be ids of webhooks, as the log shows them");
    replay.webhook_ids.push_back(*webhook_id);
  }
  TOMADA_TRY_ASSIGN(const auto count, parts.store.webhooks().replay(task, source.tenant_id, source.config_id, replay, parts.clock.unix_ms()));
  if (count > 0) parts.kick_jobs();
  ordered_json document{{"replayed", count}};
  document["next_cursor"] = nullptr;
  return json_answer(202, document);
}

Answer replay_many(Task& task, const Parts& parts, const Call& call, const Source& source) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"ids", "since", "until", "status", "dead", "cursor"}));
  TOMADA_TRY_ASSIGN(const auto ids, body.texts("ids", k_replay_ids_max));
  TOMADA_TRY_ASSIGN(const auto dead, body.flag("dead"));
  TOMADA_TRY_ASSIGN(const auto status, body.text("status"));
  TOMADA_TRY_ASSIGN(const auto cursor, body.text("cursor"));
  store::WebhookFilter filter;
  TOMADA_TRY_ASSIGN(filter.since_ms, body.time("since"));
  TOMADA_TRY_ASSIGN(filter.until_ms, body.time("until"));
  TOMADA_TRY_ASSIGN(filter.before_id, read_cursor(cursor.value_or("")));
  const bool is_range = filter.since_ms || filter.until_ms;
  if ((ids ? 1 : 0) + (dead.value_or(false) ? 1 : 0) + (is_range ? 1 : 0) != 1)
    return problem(422, Errc::invalid_data, R"(say which: {"ids": […]}, {"since": …, "until": …, "status"?: …} or {"dead": true})");
  if (ids) return replay_ids(task, parts, source, *ids);
  filter.status = dead.value_or(false) ? "failed" : status.value_or("");
  if (auto refused = refuse_status(filter.status, k_finished)) return *refused;
  return replay_found(task, parts, source, std::move(filter));
}

Answer test(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const Body body, Body::parse(call.request, {"body"}));
  TOMADA_TRY_ASSIGN(const auto sent, body.object("body"));
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY_ASSIGN(const auto outcome, parts.webhooks.test(task, integration, sent ? sent->dump() : std::string()));
  ordered_json view;
  view["accepted"] = outcome.accepted;
  view["id"] = outcome.webhook_id.empty() ? ordered_json(nullptr) : ordered_json(outcome.webhook_id);
  view["reason"] = outcome.reason.empty() ? ordered_json(nullptr) : ordered_json(outcome.reason);
  view["url"] = outcome.url;
  return json_answer(200, view);
}

Outcome<Source> source_of_integration(Task& task, const Parts& parts, const Call& call) {
  auto integration = find_integration(task, parts, call.principal, call.params[0]);
  if (integration.has_error()) return std::move(integration).error();
  return Source{integration->tenant_id, integration->config_id, ""};
}

/// The owner's only: others see what came for their accounts in the logs of their integrations.
Outcome<Source> source_of_app(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto app, parts.store.apps().find(task, call.principal.tenant_id, call.params[0]));
  if (!app || app->tenant_id != call.principal.tenant_id)
    return problem(404, Errc::not_found, "no app of this tenant with the id " + call.params[0]);
  return Source{app->tenant_id, "", app->app_id};
}

}  // namespace

void add_webhook_log_routes(Router& router, const Parts& parts) {
  const auto with = [&router, parts](const char* method, std::string_view pattern, Access access, auto find_source, auto handler) {
    router.add(method, pattern, access, [parts, find_source, handler](Task& task, const Call& call) -> Answer {
      auto source = find_source(task, parts, call);
      if (source.has_error()) return std::move(source).error();
      return handler(task, parts, call, *source);
    });
  };
  const auto show_by_path = [](Task& task, const Parts& all, const Call& call, const Source& source) {
    return show(task, all, source, call.params[1]);
  };
  const auto replay_by_path = [](Task& task, const Parts& all, const Call& call, const Source& source) {
    return replay_one(task, all, source, call.params[1]);
  };
  with("GET", "/v1/integrations/{id}/webhooks/logs", Access::viewer, source_of_integration, list);
  with("GET", "/v1/integrations/{id}/webhooks/logs/{webhook_id}", Access::viewer, source_of_integration, show_by_path);
  with("POST", "/v1/integrations/{id}/webhooks/logs/{webhook_id}/replay", Access::operator_, source_of_integration, replay_by_path);
  with("POST", "/v1/integrations/{id}/webhooks/replay", Access::operator_, source_of_integration, replay_many);
  router.add("POST", "/v1/integrations/{id}/webhooks/test", Access::operator_,
             [parts](Task& task, const Call& call) { return test(task, parts, call); });
  with("GET", "/v1/apps/{id}/webhooks/logs", Access::viewer, source_of_app, list);
  with("GET", "/v1/apps/{id}/webhooks/logs/{webhook_id}", Access::viewer, source_of_app, show_by_path);
}

}  // namespace tomada::serve
