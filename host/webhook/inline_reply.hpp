// The provider waits for the plugin's own answer: a call inside the request, after the event is stored.
#pragma once

#include "host/plugin/calls.hpp"
#include "host/runtime/metrics.hpp"
#include "host/store/webhooks.hpp"
#include "host/webhook/hand_over.hpp"
#include "host/webhook/receiving.hpp"

#include <chrono>
#include <cstdint>

namespace tomada::webhook {

/// A stored event whose inline call did not end goes back to the queue after this.
inline constexpr std::chrono::milliseconds k_inline_given_up{10'000};

struct InlineCall {
  plugin::Calls& calls;
  store::Webhooks& webhooks;
  runtime::Metrics& metrics;
  std::chrono::milliseconds timeout{};
};

struct InlineOutcome {
  Response response;
  bool pending{false};  // the call failed: the event waits for its next attempt
};

/// `event` was stored as `webhook_id`, processing. An empty 200 when the plugin gave no answer or failed.
InlineOutcome reply_inline(runtime::Task& task, const InlineCall& with, const Target& target,
                           const store::NewWebhook& event, std::int64_t webhook_id);

}  // namespace tomada::webhook
