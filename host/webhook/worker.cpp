#include "host/webhook/worker.hpp"

#include "host/webhook/slice.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tomada::webhook {
namespace {

using std::chrono::milliseconds;
using Kind = store::JobOutcome::Kind;

constexpr std::array<milliseconds, static_cast<std::size_t>(k_attempts_max - 1)> k_retry_delays{
    std::chrono::minutes(1), std::chrono::minutes(5), std::chrono::minutes(15), std::chrono::hours(1),
    std::chrono::hours(6)};

constexpr milliseconds k_store_pause{1'000};
constexpr milliseconds k_plugin_pause{std::chrono::minutes(5)};          // gone, or refuses the configuration
constexpr milliseconds k_quarantine_pause{10'000};                      // until it is asked again
constexpr milliseconds k_disabled_pause{std::chrono::hours(24 * 365)};  // an update of the integration ends it

/// The manifest names a subject: its events keep their order.
bool names_subject(const abi::Manifest& manifest) {
  const auto webhook = manifest.document.find("webhook");
  if (webhook == manifest.document.end() || !webhook->is_object()) return false;
  const auto subject = webhook->find("subject");
  return subject != webhook->end() && subject->is_string() && !subject->get_ref<const std::string&>().empty();
}

}  // namespace

std::optional<milliseconds> retry_delay(std::int64_t attempt, std::optional<milliseconds> retry_after) {
  if (attempt >= k_attempts_max) return std::nullopt;
  const milliseconds own = k_retry_delays[static_cast<std::size_t>(std::max<std::int64_t>(attempt, 1) - 1)];
  return retry_after ? std::max(own, *retry_after) : own;
}

Worker::Worker(store::Store& store, plugin::Registry& registry, plugin::Calls& calls,
               service::Environment& environment, runtime::Metrics& metrics,
               std::function<std::size_t()> intake_waiting, WorkerOptions options)
    : store_(store), registry_(registry), calls_(calls), environment_(environment), metrics_(metrics),
      intake_waiting_(std::move(intake_waiting)), options_(options) {}

store::JobOutcome Worker::run(runtime::Task& task, const store::Job& job) {
  // A job of webhooks never dies: its events do, one by one.
  const auto again = [&task](milliseconds pause, const std::optional<Error>& error = std::nullopt) {
    store::JobOutcome outcome{
        .kind = Kind::retry, .due_at_ms = task.clock().unix_ms() + pause.count(), .counts_attempt = false};
    if (error) {
      outcome.error_code = std::string(to_string(error->code));
      outcome.error_message = error->message;
    }
    return outcome;
  };
  const auto integration = store_.integrations().find(task, job.tenant_id, job.config_id);
  if (integration.has_error()) return again(k_store_pause, integration.error());
  if (!*integration) return {.kind = Kind::done};
  const store::Integration& owner = **integration;
  if (!owner.is_enabled) return again(k_disabled_pause);
  const auto release = registry_.choose(owner.provider_name, owner.tenant_id);
  if (release.has_error())
    return again(release.error().code == Errc::unavailable ? k_quarantine_pause : k_plugin_pause, release.error());
  const auto reclaimed = store_.webhooks().reclaim(task, job, task.clock().unix_ms());
  if (reclaimed.has_error()) return again(k_store_pause, reclaimed.error());
  if (*reclaimed > 0) spdlog::info("webhooks of {}: {} were in hand when their holder ended", job.config_id, *reclaimed);
  auto opened = service::open_integration(task, environment_, owner);
  if (opened.has_error()) {
    spdlog::error("webhooks of {}: {}", job.config_id, opened.error().message);
    return again(opened.error().code == Errc::unavailable ? k_store_pause : k_plugin_pause, opened.error());
  }

  Slice slice(store_.webhooks(), calls_, metrics_, intake_waiting_, options_, job,
              Target{environment_, owner, *release, *std::move(opened)}, names_subject(*(*release)->manifest));
  const auto end = slice.run(task);
  if (slice.saw_unauthenticated() && owner.connection_status != "reconnect_needed") {
    const auto noted = store_.integrations().set_health(task, job.tenant_id, job.config_id, "unhealthy",
                                                        "reconnect_needed");
    if (noted.has_error()) spdlog::warn("webhooks of {}: {}", job.config_id, noted.error().message);
  }
  if (end.has_error()) {
    spdlog::error("webhooks of {} (plugin {}): {}", job.config_id, owner.provider_name, end.error().message);
    return again(k_plugin_pause, end.error());
  }
  switch (*end) {
    case Slice::End::nothing_due: return {.kind = Kind::done};
    case Slice::End::time_over: return again(milliseconds(0));
    case Slice::End::store_trouble: break;
  }
  return again(k_store_pause);
}

}  // namespace tomada::webhook
