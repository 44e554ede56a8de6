#include "host/serve/sync_view.hpp"

#include "host/serve/integration_view.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace tomada::serve {

using nlohmann::ordered_json;

ordered_json sync_view(const store::Sync& sync) {
  ordered_json view;
  view["sync_id"] = sync.sync_id;
  view["type"] = sync.entity_type == "*" ? ordered_json(nullptr) : ordered_json(sync.entity_type);
  view["mode"] = sync.mode;
  view["status"] = sync.operation_status;
  view["records_processed"] = sync.records_processed;
  view["records_successful"] = sync.records_successful;
  view["records_changed"] = sync.records_changed;
  view["records_deleted"] = sync.records_deleted;
  view["records_failed"] = sync.records_failed;
  view["retry_count"] = sync.retry_count;
  view["created_at"] = time_or_null(sync.created_at_ms);
  view["started_at"] = time_or_null(sync.started_at_ms);
  view["completed_at"] = time_or_null(sync.completed_at_ms);
  view["next_retry_at"] = time_or_null(sync.next_retry_at_ms);
  view["duration_ms"] = sync.started_at_ms && sync.completed_at_ms
                            ? ordered_json(*sync.completed_at_ms - *sync.started_at_ms)
                            : ordered_json(nullptr);
  view["error"] = sync.error_code.empty()
                      ? ordered_json(nullptr)
                      : ordered_json{{"code", sync.error_code}, {"message", sync.error_message}};
  return view;
}

ordered_json progress_view(const std::optional<store::Sync>& sync) {
  ordered_json view{{"current", 0}, {"total", nullptr}, {"percentage", nullptr}};
  if (!sync) return view;
  // A plugin need not report progress; then the records that arrived are what is known.
  const std::int64_t current = std::max(sync->progress_current, sync->records_processed);
  const bool done = sync->operation_status == "completed";
  const std::int64_t total = done ? std::max(current, sync->progress_total) : sync->progress_total;
  view["current"] = done ? total : current;
  if (total > 0) {
    view["total"] = total;
    view["percentage"] = done ? 100 : std::clamp<std::int64_t>(current * 100 / total, 0, 100);
  } else if (done) {
    view["total"] = 0;
    view["percentage"] = 100;
  }
  return view;
}

std::optional<std::int64_t> eta_ms(const std::optional<store::Sync>& sync, std::int64_t now_ms) {
  if (!sync || sync->operation_status != "processing" || !sync->started_at_ms) return std::nullopt;
  const std::int64_t current = std::max(sync->progress_current, sync->records_processed);
  const std::int64_t left = sync->progress_total - current;
  const std::int64_t elapsed_ms = now_ms - *sync->started_at_ms;
  if (current <= 0 || left <= 0 || elapsed_ms <= 0) return std::nullopt;
  const double rate = static_cast<double>(elapsed_ms) / static_cast<double>(current);
  return now_ms + static_cast<std::int64_t>(rate * static_cast<double>(left));
}

}  // namespace tomada::serve
