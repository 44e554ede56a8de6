// /health and its two short forms, /metrics. None needs a key: probes and scrapers have none.
#include "host/serve/routes.hpp"

#include "host/base/encoding.hpp"

#include <nlohmann/json.hpp>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;
using runtime::Task;

Answer health(Task& task, const Parts& parts) {
  const auto pinged = parts.store.ping(task);
  bool degraded = false;
  ordered_json checks;
  checks["database"] = pinged.has_value() ? "healthy" : "unhealthy";

  auto integrations = ordered_json::object();
  std::string queue = "unknown";
  std::string webhooks = "unknown";
  ordered_json webhooks_pending, webhooks_failed;  // null when the store does not say
  if (pinged.has_value()) {
    if (const auto providers = parts.store.integrations().health_by_provider(task); providers.has_value())
      for (const auto& [provider, status] : *providers) {
        integrations[provider] = status;
        degraded = degraded || status == "degraded" || status == "unhealthy";
      }
    if (const auto counts = parts.store.jobs().counts(task); counts.has_value()) {
      const bool long_queue = counts->waiting > static_cast<std::int64_t>(k_queue_degraded_count);
      queue = long_queue ? "degraded" : "healthy";
      degraded = degraded || long_queue;
    }
    if (const auto counts = parts.store.webhooks().counts(task); counts.has_value()) {
      const bool many = counts->pending > static_cast<std::int64_t>(k_webhooks_degraded_count);
      webhooks = many ? "degraded" : "healthy";
      degraded = degraded || many;
      webhooks_pending = counts->pending;
      webhooks_failed = counts->failed;
    }
  }
  checks["integrations"] = std::move(integrations);
  checks["queue"] = queue;
  checks["webhooks"] = webhooks;

  const std::uint64_t requests = parts.metrics.requests_total();
  const std::uint64_t errors = parts.metrics.errors_total();
  ordered_json metrics;
  metrics["uptime"] = std::chrono::duration_cast<std::chrono::seconds>(parts.clock.steady() - parts.started_at).count();
  metrics["requests_total"] = requests;
  metrics["errors_total"] = errors;
  // In percent, as in the users' document: 125 of 1,250,000 is 0.01.
  metrics["error_rate"] = requests == 0 ? 0.0 : 100.0 * static_cast<double>(errors) / static_cast<double>(requests);

  metrics["webhooks_pending"] = std::move(webhooks_pending);
  metrics["webhooks_failed"] = std::move(webhooks_failed);

  ordered_json document;
  document["status"] = pinged.has_error() ? "unhealthy" : degraded ? "degraded" : "healthy";
  document["timestamp"] = format_time(parts.clock.unix_ms());
  document["checks"] = std::move(checks);
  document["metrics"] = std::move(metrics);
  return json_answer(pinged.has_value() ? 200 : 503, document);
}

}  // namespace

void add_health_routes(Router& router, const Parts& parts) {
  router.add("GET", "/health", Access::everyone, [parts](Task& task, const Call&) { return health(task, parts); });
  router.add("GET", "/health/live", Access::everyone,
             [](Task&, const Call&) { return json_answer(200, {{"status", "alive"}}); });
  router.add("GET", "/health/ready", Access::everyone, [parts](Task& task, const Call&) -> Answer {
    TOMADA_TRY(parts.store.ping(task));
    return json_answer(200, {{"status", "ready"}});
  });
  router.add("GET", "/metrics", Access::everyone, [parts](Task& task, const Call&) -> Answer {
    if (const auto counts = parts.store.jobs().counts(task); counts.has_value())
      parts.metrics.jobs(counts->waiting, counts->running, counts->dead);
    if (const auto counts = parts.store.webhooks().counts(task); counts.has_value())
      parts.metrics.webhooks(counts->pending, counts->failed);
    return {200, "text/plain; version=0.0.4; charset=utf-8", parts.metrics.text()};
  });
}

}  // namespace tomada::serve
