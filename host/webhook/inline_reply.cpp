#include "host/webhook/inline_reply.hpp"

#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

namespace tomada::webhook {
namespace {

/// In a task of its own, because its deadline ends before that of the request, which goes on.
void call_plugin(runtime::Task& task, const InlineCall& with, const Target& target, const store::NewWebhook& event,
                 std::int64_t webhook_id, InlineOutcome& outcome) {
  HandedOver handed;
  handed.started_at_ms = task.clock().unix_ms();
  const Result<void> called =
      with.calls.run(task, target.integration, [&](runtime::Task& inside, abi::Instance& instance) -> Result<void> {
        handed = hand_over(inside, instance, target,
                           {.event_id = event.event_id,
                            .event_type = event.event_type,
                            .headers = event.headers,
                            .body = event.body,
                            .received_at_ms = event.received_at_ms,
                            .attempt = 1},
                           true);
        return handed.result;
      }, job_of(webhook_id), target.release);
  if (called.has_error()) handed.result = called.error();
  const bool succeeded = handed.result.has_value();
  auto reply = std::move(handed.reply);
  const std::chrono::microseconds duration(handed.duration_us);
  const std::int64_t now_ms = task.clock().unix_ms();
  store::WebhookOutcome end = std::move(handed).outcome_of(target.integration, webhook_id, 1, now_ms);
  if (!succeeded) {
    end.processing_status = "pending";
    end.next_processing_at_ms = now_ms;
    outcome.pending = true;
    spdlog::warn("webhook {} of {} (plugin {}): no inline answer: {}: {}", store::format_webhook_id(webhook_id),
                 target.integration.config_id, target.manifest().id, end.error_code, end.error_message);
  }
  const auto finished = with.webhooks.finish(task, end);
  if (finished.has_error()) {
    // Still in hand: it comes back after k_inline_given_up, and nothing of this call is in effect.
    spdlog::error("webhook {} of {}: cannot keep its outcome: {}", store::format_webhook_id(webhook_id),
                  target.integration.config_id, finished.error().message);
    return;
  }
  with.metrics.webhook_processed(target.manifest().id, succeeded ? end.processing_status : "retried", duration);
  if (!succeeded || !reply) return;
  outcome.response.status = reply->status;
  if (!reply->content_type.empty()) outcome.response.content_type = std::move(reply->content_type);
  outcome.response.body = std::move(reply->body);
}

}  // namespace

InlineOutcome reply_inline(runtime::Task& task, const InlineCall& with, const Target& target,
                           const store::NewWebhook& event, std::int64_t webhook_id) {
  InlineOutcome outcome{.response = {.status = 200, .content_type = "text/plain; charset=utf-8", .body = {}}};
  runtime::Wait wait(task);
  runtime::spawn("inline webhook", task.loop(), runtime::Deadline::after(task.clock(), with.timeout),
                 [&](runtime::Task& own) {
                   try {
                     call_plugin(own, with, target, event, webhook_id, outcome);
                   } catch (const std::exception& error) {
                     spdlog::error("webhook {}: {}", store::format_webhook_id(webhook_id), error.what());
                   }
                   wait.wake();
                 });
  (void)wait.wait(runtime::Interruptible::no);  // it refers to this frame, and its deadline is near
  return outcome;
}

}  // namespace tomada::webhook
