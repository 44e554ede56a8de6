#include "host/webhook/hand_over.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

namespace tomada::webhook {
namespace {

std::vector<std::pair<std::string_view, std::string_view>> split_headers(std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  headers.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return headers;
}

}  // namespace

store::WebhookOutcome HandedOver::outcome_of(const store::Integration& integration, std::int64_t webhook_id,
                                             std::int64_t attempt, std::int64_t now_ms) && {
  store::WebhookOutcome outcome;
  outcome.tenant_id = integration.tenant_id;
  outcome.config_id = integration.config_id;
  outcome.webhook_id = webhook_id;
  outcome.attempt = attempt;
  outcome.started_at_ms = started_at_ms;
  outcome.duration_us = duration_us;
  outcome.now_ms = now_ms;
  if (result.has_error()) {
    outcome.error_code = std::string(to_string(result.error().code));
    outcome.error_message = result.error().message;
    return outcome;
  }
  outcome.processing_status = effects.rejected_count > 0 ? "partial" : "completed";
  outcome.page = std::move(effects.page);
  outcome.values = std::move(effects.values);
  return outcome;
}

HandedOver hand_over(runtime::Task& task, abi::Instance& instance, const Target& target, const StoredEvent& event,
                     bool wants_reply) {
  HandedOver handed{.result = {}, .began = false, .effects = {}, .reply = {}, .started_at_ms = task.clock().unix_ms()};
  const auto started = task.clock().steady();
  service::WebhookServices services(task, target.environment, target.integration, target.manifest(), target.opened);
  const abi::Webhook webhook{
      .event_id = event.event_id,
      .event_type = event.event_type,
      .headers = split_headers(event.headers),
      .body = event.body,
      .received_at_ms = event.received_at_ms,
      .attempt = static_cast<std::uint32_t>(
          std::clamp<std::int64_t>(event.attempt, 1, std::numeric_limits<std::uint32_t>::max())),
      .wants_reply = wants_reply};
  handed.result = instance.handle_webhook(task, services, webhook, &handed.began);
  if (handed.result.has_value()) {
    handed.effects = services.take_effects();
    handed.reply = std::move(services.given_reply());
  }
  handed.duration_us =
      std::chrono::duration_cast<std::chrono::microseconds>(task.clock().steady() - started).count();
  return handed;
}

std::string job_of(std::int64_t webhook_id) { return "webhook/" + store::format_webhook_id(webhook_id); }

}  // namespace tomada::webhook
