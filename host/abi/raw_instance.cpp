#include "host/abi/raw_instance.hpp"

#include "host/abi/call.hpp"
#include "host/abi/host_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace tomada::abi {
namespace {

/// Not a status: the plugin's function did not return one.
constexpr tomada_status k_threw = -1;

/// Calls into the plugin. Nothing but a return comes back; `thrown` says what else was tried.
template <class F>
tomada_status guard(std::string& thrown, F&& enter) {
  try {
    return enter();
  } catch (const std::exception& error) {
    thrown = "threw: " + clean_text(error.what(), k_detail_bytes_max);
  } catch (...) {
    thrown = "threw something that is no std::exception";
  }
  return k_threw;
}

}  // namespace

Result<std::unique_ptr<RawInstance>> RawInstance::create(std::shared_ptr<LoadedPlugin> plugin,
                                                         std::string_view integration_id, std::string_view config_json) {
  const LoadedPlugin& loaded = *plugin;
  tomada_create_args args{};
  args.struct_size = sizeof args;
  args.integration_id = slice_of(integration_id);
  args.config_json = slice_of(config_json);
  std::string why(k_detail_bytes_max, '\0');
  std::uint64_t why_len = 0;
  void* state = nullptr;
  std::string thrown;
  const tomada_status status = guard(thrown, [&] {
    return loaded.table().create(&host_table(), &args, &state, why.data(), why.size(), &why_len);
  });
  if (!is_known_status(status)) {
    const std::string what = thrown.empty() ? "returned the unknown status " + std::to_string(status) : thrown;
    spdlog::warn("PLUGIN_MISBEHAVING: plugin {}: create {}", loaded.manifest().id, what);
    return fail(Errc::internal, "the plugin's create " + what);
  }
  if (status != TOMADA_OK) {
    std::string words = clean_text(std::string_view(why).substr(0, std::min<std::uint64_t>(why_len, why.size())),
                                   k_detail_bytes_max);
    if (words.empty()) words = "the plugin gave no reason";
    return fail(static_cast<Errc>(status), std::move(words));
  }
  return std::unique_ptr<RawInstance>(new RawInstance(std::move(plugin), state));
}

RawInstance::RawInstance(std::shared_ptr<LoadedPlugin> plugin, void* state) : plugin_(std::move(plugin)), state_(state) {}

RawInstance::~RawInstance() {
  std::string thrown;
  guard(thrown, [&] {
    plugin_->table().destroy(state_);
    return TOMADA_OK;
  });
  if (!thrown.empty())
    spdlog::warn("PLUGIN_MISBEHAVING: plugin {}: destroy {}", plugin_->manifest().id, thrown);
}

template <class F>
Result<void> RawInstance::call(Services& services, std::string_view function, F&& enter) {
  if (broken_) return fail(Errc::unavailable, "the instance was given up after a fault of the plugin; try again");
  Call running(services, manifest().id);
  if (running.handle() == 0) return fail(Errc::unavailable, "too many calls run on this thread");
  running.table().running = &running;
  std::string thrown;
  const tomada_status status = guard(thrown, [&] { return enter(running); });
  running.table().running = nullptr;
  if (status == TOMADA_OK) [[likely]] return {};
  if (is_known_status(status)) return running.error_of(status, function);
  broken_ = true;
  const std::string what = thrown.empty() ? "returned the unknown status " + std::to_string(status) : thrown;
  running.misbehaved(thrown.empty() ? "C02" : "C03", std::string(function) + " " + what);
  return fail(Errc::internal, "the plugin's " + std::string(function) + " " + what);
}

Result<void> RawInstance::test_connection(Services& services) {
  return call(services, "test_connection", [this](Call& running) {
    return plugin_->table().test_connection(state_, running.handle());
  });
}

Result<void> RawInstance::sync(Services& services, const SyncRequest& request) {
  return call(services, "sync", [&](Call& running) {
    const tomada_sync_request given{sizeof(tomada_sync_request), static_cast<std::uint32_t>(request.mode),
                                    slice_of(request.entity), slice_of(request.since), slice_of(request.resume)};
    return plugin_->table().sync(state_, running.handle(), &given);
  });
}

Result<void> RawInstance::handle_webhook(Services& services, const Webhook& webhook) {
  if (!plugin_->handles_webhooks()) return fail(Errc::unsupported, "this plugin handles no webhooks");
  return call(services, "handle_webhook", [&](Call& running) {
    std::vector<tomada_header> headers;
    headers.reserve(webhook.headers.size());
    for (const auto& [name, value] : webhook.headers) headers.push_back({slice_of(name), slice_of(value)});
    const tomada_webhook given{sizeof(tomada_webhook),
                               webhook.attempt,
                               slice_of(webhook.event_id),
                               slice_of(webhook.event_type),
                               headers.data(),
                               headers.size(),
                               slice_of(webhook.body),
                               webhook.received_at_ms};
    // No handle left: nobody can answer, and the provider gets an empty 200.
    const Handle reply = webhook.wants_reply ? running.own(std::make_unique<OwnedReply>(), HandleKind::reply) : 0;
    return plugin_->table().handle_webhook(state_, running.handle(), &given, reply);
  });
}

}  // namespace tomada::abi
