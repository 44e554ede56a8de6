// One stored event through the plugin: the call, and what it left behind.
#pragma once

#include "host/abi/instance.hpp"
#include "host/plugin/release.hpp"
#include "host/service/webhook_services.hpp"
#include "host/store/webhooks.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tomada::webhook {

/// What all calls of one integration share. All borrowed but the last two.
struct Target {
  service::Environment& environment;
  const store::Integration& integration;
  std::shared_ptr<const plugin::Release> release;  // shared with the registry
  std::shared_ptr<const service::OpenedIntegration> opened;

  [[nodiscard]] const abi::Manifest& manifest() const { return *release->manifest; }
};

/// As stored. Borrowed.
struct StoredEvent {
  std::string_view event_id;
  std::string_view event_type;
  std::string_view headers;  // "Name: value\n"…
  std::string_view body;
  std::int64_t received_at_ms{};
  std::int64_t attempt{1};
};

struct HandedOver {
  Result<void> result;
  bool began{false};  // the plugin was entered
  service::WebhookEffects effects;  // only when it succeeded
  std::optional<service::WebhookReply> reply;
  std::int64_t started_at_ms{};
  std::int64_t duration_us{};

  /// The outcome of a success or a failure but for its state: whose event, times, effects, error.
  [[nodiscard]] store::WebhookOutcome outcome_of(const store::Integration& integration, std::int64_t webhook_id,
                                                 std::int64_t attempt, std::int64_t now_ms) &&;
};

/// On the instance's loop. The task's deadline bounds the call.
HandedOver hand_over(runtime::Task& task, abi::Instance& instance, const Target& target, const StoredEvent& event,
                     bool wants_reply);

/// What plugin::Calls knows the work on an event by.
std::string job_of(std::int64_t webhook_id);

}  // namespace tomada::webhook
