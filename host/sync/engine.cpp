#include "host/sync/engine.hpp"

#include "host/base/uuid.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace tomada::sync {
namespace {

using std::chrono::milliseconds;
using Kind = store::JobOutcome::Kind;

constexpr std::string_view k_all_entities = "*";
constexpr milliseconds k_test_timeout{30'000};
constexpr milliseconds k_quarantine_pause{10'000};  // until it is asked again whether the plugin may run

const abi::Entity* find_entity(const abi::Manifest& manifest, std::string_view name) {
  const auto found = std::find_if(manifest.entities.begin(), manifest.entities.end(),
                                  [&](const abi::Entity& entity) { return entity.name == name; });
  return found == manifest.entities.end() ? nullptr : &*found;
}

std::string names_of(const abi::Manifest& manifest) {
  std::string names;
  for (const auto& name : abi::entity_names(manifest)) names += (names.empty() ? "" : ", ") + name;
  return names;
}

/// An entity without incremental mode is always synced in full.
abi::SyncMode mode_for(const abi::Entity& entity, std::string_view asked) {
  if (asked == "incremental" && entity.incremental) return abi::SyncMode::incremental;
  return entity.full ? abi::SyncMode::full : abi::SyncMode::incremental;
}

bool is_worth_another_try(Errc code) {
  switch (code) {
    case Errc::rate_limited:
    case Errc::unavailable:
    case Errc::deadline:
    case Errc::cancelled:
    case Errc::conflict:
      return true;
    default:
      return false;
  }
}

}  // namespace

Engine::Engine(store::Store& store, plugin::Registry& registry, plugin::Calls& calls, service::Environment& environment,
               jobs::Runner& runner, runtime::Metrics& metrics, Limits limits)
    : store_(store), registry_(registry), calls_(calls), environment_(environment), runner_(runner), metrics_(metrics),
      limits_(limits) {}

Result<std::string> Engine::enqueue(runtime::Task& task, const store::Integration& integration, std::string_view type,
                                    std::string_view mode) {
  if (!integration.is_enabled)
    return fail(Errc::forbidden, "this integration is disabled; enable it with PATCH {\"is_enabled\": true}");
  const auto release = registry_.find(integration.provider_name, integration.tenant_id);
  if (!release)
    return fail(Errc::not_found, "the plugin \"" + integration.provider_name + "\" is not available on this host");
  if (mode != "full" && mode != "incremental")
    return fail(Errc::invalid_data, "mode: must be \"full\" or \"incremental\"");
  if (!type.empty() && find_entity(*release->manifest, type) == nullptr)
    return fail(Errc::invalid_data, "type: \"" + std::string(type) + "\" is not an entity of " +
                                        integration.provider_name + "; it has: " + names_of(*release->manifest));
  store::Sync sync;
  sync.sync_id = make_uuid_v7(task.clock().wall());
  sync.tenant_id = integration.tenant_id;
  sync.config_id = integration.config_id;
  sync.entity_type = type.empty() ? k_all_entities : type;
  sync.mode = mode;
  sync.created_at_ms = task.clock().unix_ms();
  TOMADA_TRY(store_.syncs().enqueue(task, sync, make_uuid_v7(task.clock().wall())));
  runner_.kick();
  return sync.sync_id;
}

Result<TestOutcome> Engine::test_connection(runtime::Task& task, const store::Integration& integration) {
  const auto release = registry_.find(integration.provider_name, integration.tenant_id);
  if (!release)
    return fail(Errc::not_found, "the plugin \"" + integration.provider_name + "\" is not available on this host");
  const auto started = task.clock().steady();
  const auto result = calls_.run(task, integration, [&](runtime::Task& call, abi::Instance& instance) -> Result<void> {
    call.set_deadline(runtime::Deadline::after(call.clock(), k_test_timeout));
    TOMADA_TRY_ASSIGN(auto services,
                      service::make_call_services(call, environment_, integration, *release->manifest, nullptr));
    return instance.test_connection(call, *services);
  }, "test/" + integration.config_id, release);
  TestOutcome outcome{.ok = result.has_value(),
                      .latency = std::chrono::duration_cast<milliseconds>(task.clock().steady() - started)};
  if (result.has_error()) {
    outcome.detail = result.error().message;
    outcome.error_code = to_string(result.error().code);
    metrics_.error(integration.provider_name, outcome.error_code);
  } else {
    outcome.detail = "the provider answered";
  }
  const char* connection = outcome.ok ? "connected" : "error";
  TOMADA_TRY(store_.integrations().set_health(task, integration.tenant_id, integration.config_id,
                                              outcome.ok ? "healthy" : "unhealthy", connection));
  return outcome;
}

/// One attempt at a run: everything it needs, and what it did so far.
struct Engine::Attempt {
  Engine& engine;
  runtime::Task& task;
  const store::Job& job;
  store::Sync sync;
  store::Integration integration;
  std::shared_ptr<const plugin::Release> release;  // one version for the whole attempt; shared with the registry
  const abi::Manifest& manifest;
  bool lease_lost{false};  // whoever has it now goes on
  std::int64_t commits_count{0};
  std::int64_t rejected_count{0};
  std::int64_t processed_count{0};

  Result<void> entities() {
    for (const auto& entity : manifest.entities) {
      if (sync.entity_type != k_all_entities && sync.entity_type != entity.name) continue;
      if (std::find(sync.entities_done.begin(), sync.entities_done.end(), entity.name) != sync.entities_done.end())
        continue;
      if (auto result = one(entity); result.has_error()) return std::move(result).error().within(entity.name);
    }
    return {};
  }

  Result<void> one(const abi::Entity& entity) {
    store::Syncs& syncs = engine.store_.syncs();
    if (sync.current_entity != entity.name) {
      TOMADA_TRY_ASSIGN(sync.generation, held(syncs.start_entity(task, sync, entity.name, job.fencing_token)));
      sync.current_entity = entity.name;
      sync.cursor.clear();
    }
    abi::SyncRequest request{.entity = entity.name, .mode = mode_for(entity, sync.mode), .resume = sync.cursor};
    TOMADA_TRY_ASSIGN(request.since, syncs.since(task, sync.tenant_id, sync.config_id, entity.name));
    service::SyncContext context{.sync_id = sync.sync_id,
                                 .entity = entity.name,
                                 .fencing_token = job.fencing_token,
                                 .generation = sync.generation,
                                 .full = request.mode == abi::SyncMode::full,
                                 .rejected_count = sync.records_failed + rejected_count,
                                 .on_commit = [this](const store::PageOutcome& page, std::int64_t rejected) {
                                   ++commits_count;
                                   rejected_count += rejected;
                                   processed_count += page.changed_count + page.unchanged_count + rejected;
                                 }};
    if (context.full) {
      TOMADA_TRY_ASSIGN(context.expected_total,
                        engine.store_.records().count(task, sync.tenant_id, sync.config_id, entity.name));
    }
    const auto called = engine.calls_.run(
        task, integration, [&](runtime::Task& call, abi::Instance& instance) -> Result<void> {
          TOMADA_TRY_ASSIGN(auto services, service::make_call_services(call, engine.environment_, integration,
                                                                       manifest, &context));
          return instance.sync(call, *services, request);
        },
        "sync/" + job.job_id, release);
    lease_lost = context.lease_lost;
    TOMADA_TRY(called);
    return held(syncs.finish_entity(task, sync, entity.name, job.fencing_token));
  }

  /// Of a step in the store: CONFLICT is its word for a lost lease, while a plugin's may be the provider's.
  template <class Step>
  Step held(Step step) {
    lease_lost = step.has_error() && step.error().code == Errc::conflict;
    return step;
  }

  store::JobOutcome succeeded() const {
    const bool partial = sync.records_failed + rejected_count > 0;
    return {.kind = Kind::done,
            .sync_id = sync.sync_id,
            .sync_status = partial ? "partial" : "completed",
            .health_status = "healthy",
            .connection_status = "connected"};
  }

  store::JobOutcome failed(const Error& error) {
    store::JobOutcome outcome{.error_code = std::string(to_string(error.code)),
                              .error_message = error.message,
                              .sync_id = sync.sync_id};
    engine.metrics_.error(manifest.id, outcome.error_code);
    if (is_worth_another_try(error.code)) {
      // A plugin may say CANCELLED of its own accord; only the host's word is no attempt and no reason to hurry.
      const bool stopped = task.interruption() == Errc::cancelled || lease_lost;
      // An attempt that got somewhere, or was only stopped, is not held against the job.
      outcome.counts_attempt = commits_count == 0 && !stopped;
      auto due_ms = stopped ? std::optional(task.clock().unix_ms())
                            : engine.runner_.next_attempt_ms(job, error.retry_after);
      if (!due_ms && !outcome.counts_attempt)
        due_ms = task.clock().unix_ms() + error.retry_after.value_or(milliseconds(1'000)).count();
      if (due_ms) {
        outcome.kind = Kind::retry;
        outcome.due_at_ms = *due_ms;
        outcome.sync_status = "pending";
        if (!stopped) outcome.health_status = "degraded";
        return outcome;
      }
    }
    outcome.kind = Kind::dead;
    outcome.sync_status = "failed";
    outcome.health_status = "unhealthy";
    if (error.code == Errc::unauthenticated) outcome.connection_status = "reconnect_needed";
    return outcome;
  }
};

store::JobOutcome Engine::run(runtime::Task& task, const store::Job& job) {
  const auto give_up = [](Errc code, std::string why) {
    return store::JobOutcome{.kind = Kind::dead, .error_code = std::string(to_string(code)), .error_message = std::move(why)};
  };
  const auto payload = nlohmann::json::parse(job.payload_json, nullptr, false);
  const std::string sync_id = payload.is_object() ? payload.value("sync_id", "") : "";
  auto sync = store_.syncs().find(task, job.tenant_id, sync_id);
  auto integration = store_.integrations().find(task, job.tenant_id, job.config_id);
  if (sync.has_error() || integration.has_error())
    return {.kind = Kind::retry, .due_at_ms = task.clock().unix_ms() + 1'000, .counts_attempt = false};
  if (!*sync || !*integration) return give_up(Errc::not_found, "the sync or its integration is gone");

  auto release = registry_.choose((*integration)->provider_name, (*integration)->tenant_id);
  if (release.has_error() && release.error().code != Errc::not_found && (*integration)->is_enabled)
    return {.kind = Kind::retry,
            .due_at_ms = task.clock().unix_ms() + k_quarantine_pause.count(),
            .counts_attempt = false,
            .error_code = std::string(to_string(release.error().code)),
            .error_message = release.error().message,
            .sync_id = sync_id,
            .sync_status = "pending"};
  if (release.has_error() || !(*integration)->is_enabled) {
    auto outcome = give_up(Errc::not_found, release.has_error() ? "the plugin is not available on this host"
                                                                : "the integration was disabled");
    outcome.sync_id = sync_id;
    outcome.sync_status = "failed";
    return outcome;
  }

  Attempt attempt{*this, task, job, **std::move(sync), **std::move(integration), *release, *(*release)->manifest};
  const auto started = task.clock().steady();
  task.set_deadline(runtime::Deadline::after(task.clock(), limits_.call_timeout));
  Result<void> result = attempt.held(store_.syncs().start(task, attempt.sync, job.fencing_token, task.clock().unix_ms()));
  if (result.has_value()) result = attempt.entities();

  metrics_.sync(attempt.manifest.id, task.clock().steady() - started);
  metrics_.sync_records(attempt.manifest.id, static_cast<std::uint64_t>(attempt.processed_count),
                        static_cast<std::uint64_t>(attempt.rejected_count));
  if (result.has_value()) return attempt.succeeded();
  spdlog::warn("sync {} of {} (tenant {}): attempt {} ended: {}: {}", sync_id, attempt.manifest.id, job.tenant_id,
               job.attempts, to_string(result.error().code), result.error().message);
  return attempt.failed(result.error());
}

}  // namespace tomada::sync
