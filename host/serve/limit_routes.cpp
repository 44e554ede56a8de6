// /v1/integrations/{id}/metrics and /circuit-breaker: what an integration used of its limits, and which hosts are left alone.
#include "host/serve/routes.hpp"

#include "host/base/encoding.hpp"
#include "host/limit/kept_state.hpp"
#include "host/serve/input.hpp"
#include "host/serve/integration_view.hpp"
#include "host/service/call_limits.hpp"

#include <algorithm>
#include <cmath>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;
using runtime::Task;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

std::int64_t to_unix_ms(const runtime::Clock& clock, runtime::SteadyTime at) {
  return clock.unix_ms() + duration_cast<milliseconds>(at - clock.steady()).count();
}

/// Whole requests: a part of one is of no use to anybody.
std::int64_t whole(double amount) { return static_cast<std::int64_t>(std::floor(amount)); }

ordered_json limit_view(const runtime::Clock& clock, const limit::LimitView& limit) {
  ordered_json view;
  view["pool"] = limit.pool;
  view["name"] = limit.name;
  view["source"] = limit.source;
  view["limit"] = whole(limit.limit);
  view["used"] = static_cast<std::int64_t>(std::ceil(limit.used));
  view["remaining"] = whole(limit.remaining);
  view["window_seconds"] = limit.length ? ordered_json(std::chrono::duration<double>(*limit.length).count()) : ordered_json(nullptr);
  view["restore_per_second"] = limit.restore_per_second ? ordered_json(*limit.restore_per_second) : ordered_json(nullptr);
  view["reset_at"] = limit.reset_at && *limit.reset_at > clock.steady() ? ordered_json(format_time(to_unix_ms(clock, *limit.reset_at)))
                                                                          : ordered_json(nullptr);
  return view;
}

ordered_json budget_view(const runtime::Clock& clock, limit::Budget& budget) {
  ordered_json view;
  view["in_flight"] = budget.in_flight_count();
  auto waiting = ordered_json::object();
  for (const limit::Lane lane : {limit::Lane::interactive, limit::Lane::webhook, limit::Lane::incremental, limit::Lane::backfill})
    waiting[std::string(to_string(lane))] = budget.waiting_count(lane);
  view["waiting"] = std::move(waiting);
  const auto blocked_until = budget.pools().front().blocked_until();
  view["blocked_until"] = blocked_until > clock.steady() ? ordered_json(format_time(to_unix_ms(clock, blocked_until))) : ordered_json(nullptr);
  auto limits = ordered_json::array();
  for (const limit::LimitView& limit : budget.view(clock.steady())) limits.push_back(limit_view(clock, limit));
  view["limits"] = std::move(limits);
  return view;
}

/// Of the integration alone, in the minute, hour and day of UTC that run now.
ordered_json requests_view(const runtime::Clock& clock, const store::RateState& state, std::int64_t unsaved_count) {
  ordered_json view{{"minute", unsaved_count}, {"hour", unsaved_count}, {"day", unsaved_count}};
  for (const store::RateUse& use : state.uses) {
    const std::int64_t length_ms = use.window_type == "minute" ? 60'000 : use.window_type == "hour" ? 3'600'000 : 86'400'000;
    if (use.window_start_ms == clock.unix_ms() - clock.unix_ms() % length_ms)
      view[use.window_type] = view[use.window_type].get<std::int64_t>() + use.request_count;
  }
  return view;
}

/// Of all hosts together.
std::string worst_state(const std::vector<store::BreakerStatus>& statuses) {
  std::string worst = "closed";
  for (const store::BreakerStatus& status : statuses)
    if (status.current_state == "open" || (status.current_state == "half_open" && worst == "closed")) worst = status.current_state;
  return worst;
}

Answer metrics(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY_ASSIGN(const store::RateState state, parts.store.limits().load(task, integration.tenant_id, integration.config_id));
  const auto member = parts.layers.tracking.find(integration.config_id);
  ordered_json view;
  view["id"] = integration.config_id;
  view["provider"] = integration.provider_name;
  view["requests"] = requests_view(parts.clock, state, member ? member->unsaved_count.load() : 0);
  ordered_json account;
  if (member) {
    account = member->account->with([&](limit::Budget& budget, limit::Time) { return budget_view(parts.clock, budget); });
  } else {  // it sent nothing since the start: what is declared and what is kept
    abi::Limits declared;
    if (const auto release = parts.registry.find(integration.provider_name, integration.tenant_id))
      declared = service::call_limits(*release->manifest, parts.layers.call_defaults, integration.limits, integration.provider_name).limits;
    limit::Budget budget(declared, parts.clock.steady());
    limit::restore(budget, parts.clock, state);
    account = budget_view(parts.clock, budget);
  }
  view.update(account);
  TOMADA_TRY_ASSIGN(const auto circuit, parts.layers.breakers.of(task, integration.tenant_id, integration.config_id));
  view["circuit_breaker_state"] = worst_state(circuit->status());
  view["last_sync"] = time_or_null(integration.last_sync_at_ms);
  return json_answer(200, view);
}

Answer circuit_breaker(Task& task, const Parts& parts, const Call& call) {
  TOMADA_TRY_ASSIGN(const auto integration, find_integration(task, parts, call.principal, call.params[0]));
  TOMADA_TRY_ASSIGN(const auto circuit, parts.layers.breakers.of(task, integration.tenant_id, integration.config_id));
  const auto statuses = circuit->status();
  const breaker::Policy policy = service::call_limits(abi::Manifest{}, parts.layers.call_defaults, integration.limits, integration.provider_name).breaker;
  ordered_json view;
  view["id"] = integration.config_id;
  view["circuit_breaker_enabled"] = policy.enabled;
  view["circuit_breaker_threshold"] = policy.threshold;
  view["circuit_breaker_timeout_ms"] = policy.timeout.count();
  view["current_state"] = worst_state(statuses);
  auto hosts = ordered_json::array();
  for (const store::BreakerStatus& status : statuses) {
    ordered_json host;
    host["host"] = status.host;
    host["current_state"] = status.current_state;
    host["consecutive_failures"] = status.consecutive_failures;
    host["consecutive_successes"] = status.consecutive_successes;
    host["failure_count"] = status.failure_count;
    host["success_count"] = status.success_count;
    host["last_failure_at"] = time_or_null(status.last_failure_at_ms);
    host["last_success_at"] = time_or_null(status.last_success_at_ms);
    host["state_changed_at"] = time_or_null(status.state_changed_at_ms);
    host["next_attempt_at"] = time_or_null(status.next_attempt_at_ms);
    hosts.push_back(std::move(host));
  }
  view["hosts"] = std::move(hosts);
  return json_answer(200, view);
}

}  // namespace

void add_limit_routes(Router& router, const Parts& parts) {
  router.add("GET", "/v1/integrations/{id}/metrics", Access::viewer,
             [parts](Task& task, const Call& call) { return metrics(task, parts, call); });
  router.add("GET", "/v1/integrations/{id}/circuit-breaker", Access::viewer,
             [parts](Task& task, const Call& call) { return circuit_breaker(task, parts, call); });
}

}  // namespace tomada::serve
