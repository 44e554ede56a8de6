#include "host/store/sqlite/webhook_retention.hpp"

#include "host/store/sqlite/webhook_rows.hpp"

#include <algorithm>
#include <optional>

namespace tomada::store::sqlite {
namespace {

constexpr std::size_t k_looked_at_max = 20;  // rows looked at for each row that a step may remove

std::optional<std::int64_t> next_config_no(Connection& connection, std::int64_t after) {
  auto query = connection.prepare("SELECT min(config_no) FROM webhook_events WHERE config_no > ?1");
  return query.first(after) ? query.optional_integer(0) : std::nullopt;
}

/// From the oldest on, in each integration; an id grows with time, so the first young event ends the look.
void find_old_events(Connection& connection, const WebhookRetention& retention, WebhookTrim& trim) {
  const std::int64_t young_ms = std::max(retention.finished_before_ms, retention.failed_before_ms);
  for (auto config_no = next_config_no(connection, -1); config_no && trim.events.size() < retention.rows_max;
       config_no = next_config_no(connection, *config_no)) {
    auto query = connection.prepare(
        "SELECT webhook_id, received_at_ms, next_processing_at_ms IS NOT NULL, processing_status = 'failed'"
        " FROM webhook_events WHERE config_no = ?1 ORDER BY webhook_id");
    query.bind(*config_no);
    while (trim.events.size() < retention.rows_max && query.step()) {
      const std::int64_t received_at_ms = query.integer(1);
      if (received_at_ms >= young_ms) break;
      const bool is_open = query.integer(2) != 0;
      const std::int64_t before_ms = query.integer(3) != 0 ? retention.failed_before_ms : retention.finished_before_ms;
      if (!is_open && received_at_ms < before_ms) trim.events.push_back({*config_no, query.integer(0)});
    }
  }
}

void find_old_payloads(Connection& connection, const WebhookRetention& retention, WebhookTrim& trim) {
  std::int64_t excess_bytes = -retention.payload_bytes_max;
  {
    auto total = connection.prepare("SELECT total FROM webhook_payload_bytes");
    if (total.step()) excess_bytes += total.integer(0);
  }
  if (excess_bytes <= 0) return;
  auto query = connection.prepare(
      "SELECT p.config_no, p.webhook_id, length(p.headers) + length(p.body), e.next_processing_at_ms IS NULL"
      " FROM webhook_payloads p JOIN webhook_events e ON e.config_no = p.config_no AND e.webhook_id = p.webhook_id"
      " ORDER BY p.webhook_id LIMIT ?1");
  query.bind(retention.rows_max * k_looked_at_max);
  while (excess_bytes > 0 && trim.payloads.size() < retention.rows_max && query.step()) {
    if (query.integer(3) == 0) continue;
    trim.payloads.push_back({query.integer(0), query.integer(1)});
    excess_bytes -= query.integer(2);
  }
}

/// In the order in which they came, and few enough to look at all of them.
void find_old_new_keys(Connection& connection, const WebhookRetention& retention, WebhookTrim& trim) {
  auto query = connection.prepare("SELECT added_no, key FROM webhook_keys_new WHERE webhook_id < ?1 LIMIT ?2");
  query.bind(retention.keys_before_ms << k_webhook_id_unique_bits, retention.rows_max);
  while (query.step()) trim.new_keys.push_back({query.integer(0), query.text(1)});
}

void find_old_keys(Connection& connection, const WebhookRetention& retention, std::string keys_seen, WebhookTrim& trim) {
  const std::int64_t first_kept_id = retention.keys_before_ms << k_webhook_id_unique_bits;
  const std::size_t looked_at_max = retention.rows_max * k_looked_at_max;
  auto query = connection.prepare("SELECT key, webhook_id FROM webhook_keys WHERE key > ?1 ORDER BY key LIMIT ?2");
  query.bind(Blob{keys_seen}, looked_at_max);
  std::size_t looked_at = 0;
  while (trim.keys.size() < retention.rows_max && query.step()) {
    ++looked_at;
    trim.keys_seen = query.text(0);
    if (query.integer(1) < first_kept_id) trim.keys.push_back(trim.keys_seen);
  }
  // The end: from the start again.
  if (trim.keys.size() < retention.rows_max && looked_at < looked_at_max) trim.keys_seen.clear();
}

}  // namespace

WebhookTrim find_trim(Connection& connection, const WebhookRetention& retention, std::string keys_seen) {
  WebhookTrim trim;
  find_old_events(connection, retention, trim);
  // What goes by age makes room: size is judged when nothing is left to go by age.
  if (trim.events.empty()) find_old_payloads(connection, retention, trim);
  find_old_new_keys(connection, retention, trim);
  find_old_keys(connection, retention, std::move(keys_seen), trim);
  return trim;
}

std::int64_t apply_trim(Connection& connection, const WebhookTrim& trim) {
  std::int64_t removed_count = 0;
  std::int64_t bytes = 0;
  for (const auto& [config_no, webhook_id] : trim.events) {
    // Replayed meanwhile: it stays.
    if (connection.run("DELETE FROM webhook_events WHERE config_no = ?1 AND webhook_id = ?2"
                       " AND next_processing_at_ms IS NULL",
                       config_no, webhook_id) == 0)
      continue;
    bytes += drop_payload(connection, webhook_id);
    connection.run("DELETE FROM webhook_attempts WHERE webhook_id = ?1", webhook_id);
    ++removed_count;
  }
  for (const auto& [config_no, webhook_id] : trim.payloads) {
    if (!connection.prepare("SELECT 1 FROM webhook_events WHERE config_no = ?1 AND webhook_id = ?2"
                            " AND next_processing_at_ms IS NULL")
             .first(config_no, webhook_id))
      continue;
    bytes += drop_payload(connection, webhook_id);
    ++removed_count;
  }
  for (const auto& [added_no, key] : trim.new_keys) {
    // A key that is just being moved is in both.
    connection.run("DELETE FROM webhook_keys WHERE key = ?1", Blob{key});
    removed_count += connection.run("DELETE FROM webhook_keys_new WHERE added_no = ?1 AND key = ?2", added_no, Blob{key});
  }
  for (const std::string& key : trim.keys)
    removed_count += connection.run("DELETE FROM webhook_keys WHERE key = ?1", Blob{key});
  add_payload_bytes(connection, -bytes);
  return removed_count;
}

}  // namespace tomada::store::sqlite
