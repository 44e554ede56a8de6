#include "host/webhook/retention.hpp"

#include "host/runtime/task.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace tomada::webhook {
namespace {

using std::chrono::milliseconds;

/// Between two steps, so that the intake's commits are not kept waiting by many deletions in a row.
constexpr milliseconds k_step_pause{20};

}  // namespace

void Retention::start() {
  loop_.post([this] {
    runtime::spawn("webhook retention", loop_, runtime::Deadline::never(), [this](runtime::Task& task) { run(task); });
  });
}

void Retention::run(runtime::Task& task) {
  do trim(task);
  while (runtime::sleep_for(task, options_.every).has_value());
}

void Retention::trim(runtime::Task& task) {
  const std::int64_t now_ms = task.clock().unix_ms();
  const auto before = [now_ms](milliseconds age) { return now_ms - age.count(); };
  const store::WebhookRetention retention{
      .finished_before_ms = before(options_.finished_for),
      .failed_before_ms = before(options_.failed_for),
      .payload_bytes_max = options_.payload_bytes_max,
      .keys_before_ms = before(std::max<milliseconds>(options_.finished_for, k_keys_kept_min))};
  std::int64_t total_count = 0;
  while (task.check().has_value()) {
    const auto trimmed = webhooks_.trim(task, retention);
    if (trimmed.has_error()) {
      spdlog::warn("webhooks: old events stay until the next hour: {}", trimmed.error().message);
      break;
    }
    if (*trimmed == 0) break;
    total_count += *trimmed;
    if (runtime::sleep_for(task, k_step_pause).has_error()) break;
  }
  if (total_count > 0) spdlog::info("webhooks: {} old rows are gone", total_count);
}

}  // namespace tomada::webhook
