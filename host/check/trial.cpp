#include "host/check/trial.hpp"

#include "host/abi/call.hpp"
#include "host/abi/host_table.hpp"
#include "host/abi/raw_instance.hpp"
#include "host/check/scripted_services.hpp"
#include "host/worker/remote_instance.hpp"

#include <sys/resource.h>

#include <optional>
#include <utility>

namespace tomada::check {
namespace {

using nlohmann::json;

constexpr tomada_call k_stale = 0x0102030405060708;
constexpr std::chrono::seconds k_call_timeout{20};
constexpr std::size_t k_future_bytes = 64;  // by which a newer host's structs are longer

abi::SyncRequest request_of(const Job& job) {
  abi::SyncRequest request{.entity = job.entity, .since = job.since, .resume = job.resume};
  request.mode = job.mode == "incremental" ? abi::SyncMode::incremental : abi::SyncMode::full;
  if (job.mode == "unknown") request.mode = static_cast<abi::SyncMode>(99);
  return request;
}

/// None for a function that sends no records.
std::optional<abi::RecordRules> rules_of(const Setup& setup, const Job& job) {
  if (job.what == "test_connection") return std::nullopt;
  const bool is_full = job.what == "sync" && request_of(job).mode == abi::SyncMode::full;
  return std::optional<abi::RecordRules>(std::in_place, setup.entities, is_full ? job.entity : "");
}

abi::Webhook webhook_of(const Job& job) {
  return {.event_id = "evt_check", .event_type = "check.event", .headers = {{"content-type", "application/json"}}, .body = job.body,
          .received_at_ms = 1'767'225'600'000, .wants_reply = job.wants_reply};
}

/// One call of either kind of instance.
template <class Instance, class... Task>
Result<void> call(Instance& instance, const Job& job, abi::Services& services, Task&... task) {
  if (job.what == "test_connection") return instance.test_connection(task..., services);
  if (job.what != "webhook") return instance.sync(task..., services, request_of(job));
  if constexpr (sizeof...(Task) == 0) return instance.handle_webhook(services, webhook_of(job));
  else return instance.handle_webhook(task..., services, webhook_of(job), nullptr);
}

/// The most that there was; /proc cannot be opened here.
std::int64_t resident_kib() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

/// Makes and destroys instances; what stays of them in memory.
Observation make_instances(const std::shared_ptr<abi::LoadedPlugin>& plugin, const Setup& setup, const Job& job) {
  Observation seen;
  constexpr std::uint64_t k_warm = 100;
  std::int64_t before = 0;
  for (std::uint64_t i = 0; i < job.count; ++i) {
    if (i == k_warm) before = resident_kib();
    const auto made = abi::RawInstance::create(plugin, "check-" + std::to_string(i), setup.config_json);
    if (made.has_value()) continue;
    seen.status = to_string(made.error().code);
    seen.message = made.error().message;
    return seen;
  }
  seen.memory_kib = job.count > k_warm ? resident_kib() - before : 0;
  return seen;
}

/// Struct T as a newer host has it: more fields, all zero.
template <class T>
struct Longer {
  T known{};
  char future[k_future_bytes]{};
  Longer() { known.struct_size = sizeof(Longer); }
};

/// Calls the C table itself: with a handle of no call, or with a newer host's structs.
Observation call_table(const abi::LoadedPlugin& plugin, const Setup& setup, const Job& job) {
  Observation seen;
  const tomada_plugin& table = plugin.table();
  Longer<tomada_create_args> args;
  args.known.integration_id = abi::slice_of("check");
  args.known.config_json = abi::slice_of(setup.config_json);
  std::string why(1024, '\0');
  std::uint64_t why_len = 0;
  void* state = nullptr;
  const tomada_status made = table.create(&abi::host_table(), &args.known, &state, why.data(), why.size(), &why_len);
  if (made != TOMADA_OK) {
    seen.status = abi::is_known_status(made) ? to_string(static_cast<Errc>(made)) : "unknown";
    seen.message = "create: " + why.substr(0, std::min<std::uint64_t>(why_len, why.size()));
    return seen;
  }
  Longer<tomada_sync_request> request;
  request.known.mode = 1;
  request.known.entity = abi::slice_of(job.entity);
  tomada_status status = TOMADA_OK;
  if (job.what == "stale_sync") status = table.sync(state, k_stale, &request.known);
  if (job.what == "stale_test_connection") status = table.test_connection(state, k_stale);
  if (job.what == "stale_webhook") {
    Longer<tomada_webhook> webhook;
    webhook.known.event_id = abi::slice_of("evt_check");
    webhook.known.body = abi::slice_of("{}");
    status = table.handle_webhook(state, k_stale, &webhook.known, 0);
  }
  table.destroy(state);
  seen.status = status == TOMADA_OK ? "ok" : abi::is_known_status(status) ? std::string(to_string(static_cast<Errc>(status))) : "unknown";
  return seen;
}

}  // namespace

json to_document(const Setup& setup) {
  return {{"plugin_id", setup.plugin_id},     {"threads", setup.threads}, {"handles_webhooks", setup.handles_webhooks}, {"entities", setup.entities},
          {"reads_secrets", setup.reads_secrets}, {"keeps_values", setup.keeps_values},
          {"config_json", setup.config_json}, {"credentials", setup.credentials}, {"now_ms", setup.now_ms},
          {"recording", to_document(setup.recording)}};
}

Result<Setup> setup_from_document(const json& document) {
  try {
    Setup setup{document.at("plugin_id"),   document.at("threads"), document.at("handles_webhooks"),
                document.at("reads_secrets"), document.at("keeps_values"), document.at("entities"), document.at("config_json"), document.at("credentials"), document.at("now_ms"),  {}};
    TOMADA_TRY_ASSIGN(setup.recording, from_document(document.at("recording")));
    return setup;
  } catch (const json::exception& error) {
    return fail(Errc::invalid_data, error.what());
  }
}

Observation run_here(const std::shared_ptr<abi::LoadedPlugin>& plugin, const Setup& setup, const Job& job, const Endless& endless) {
  if (job.what == "instances") return make_instances(plugin, setup, job);
  if (job.what.starts_with("stale_")) return call_table(*plugin, setup, job);
  const auto provider = make_provider(job.answers, setup.recording);
  ScriptedServices services(job, rules_of(setup, job), *provider, setup, endless);
  const auto instance = abi::RawInstance::create(plugin, "check", setup.config_json);
  if (instance.has_error()) return services.observation(Error(instance.error()).within("create"));
  return services.observation(call(**instance, job, services));
}

Observation run_in_worker(runtime::Task& task, const std::shared_ptr<worker::Link>& link, const Setup& setup, const Job& job,
                          const MakeProvider& live) {
  Observation seen;
  runtime::Wait done(task);
  // A task of its own: one that was interrupted stays so.
  runtime::spawn("check.call", task.loop(), live ? runtime::Deadline::never() : runtime::Deadline::after(task.clock(), k_call_timeout), [&](runtime::Task& inner) {
    const auto provider = live ? live(inner) : make_provider(job.answers, setup.recording);
    std::string endless;
    ScriptedServices services(job, rules_of(setup, job), *provider, setup, [&](const Observation& so_far) {
      endless = "asked for " + std::to_string(so_far.asked_after_end_count) + " services after its call was over";
      inner.interrupt(Errc::cancelled);
    });
    worker::RemoteInstance instance(link, false, "check", setup.config_json);
    Result<void> outcome = instance.ready(inner);
    if (outcome.has_error()) outcome = std::move(outcome).error().within("create");
    else outcome = call(instance, job, services, inner);
    seen = services.observation(outcome);
    if (!endless.empty()) seen.crash = endless;
    else if (const auto crash = link->crash()) seen.crash = crash->cause;
    done.wake();
  }, runtime::k_stack_bytes_max);
  (void)done.wait(runtime::Interruptible::no);
  return seen;
}

}  // namespace tomada::check
