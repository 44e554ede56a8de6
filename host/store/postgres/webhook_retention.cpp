#include "host/store/postgres/webhook_retention.hpp"

#include "host/store/postgres/webhook_rows.hpp"

#include <algorithm>

namespace tomada::store::postgres {
namespace {

constexpr std::size_t k_looked_at_max = 20;  // rows looked at for each row that a step may remove
constexpr int k_windows_max = 10;            // of so many rows, in one step

/// From the oldest on; an id grows with time, so the first window with a young event ends the look.
std::int64_t remove_old_events(Connection& connection, const WebhookRetention& retention, std::int64_t& event_seen) {
  const std::int64_t young_ms = std::max(retention.finished_before_ms, retention.failed_before_ms);
  for (int i = 0; i < k_windows_max; ++i) {
    const Rows rows = connection.query(
        "WITH seen AS MATERIALIZED (SELECT webhook_id, received_at_ms, next_processing_at_ms IS NULL AND received_at_ms <"
        " CASE processing_status WHEN 'failed' THEN $3::bigint ELSE $4::bigint END AS is_old"
        " FROM integrations.webhook_log WHERE webhook_id > $1 ORDER BY webhook_id LIMIT $2),"
        " chosen AS MATERIALIZED (SELECT webhook_id FROM seen WHERE is_old ORDER BY webhook_id LIMIT $5),"
        // Replayed meanwhile: it stays.
        " gone AS (DELETE FROM integrations.webhook_log WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM chosen))"
        " AND next_processing_at_ms IS NULL RETURNING webhook_id),"
        " attempts AS (DELETE FROM integrations.webhook_attempts WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM gone))),"
        " payloads AS (DELETE FROM integrations.webhook_payloads WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM gone))"
        " RETURNING octet_length(headers) + octet_length(body) AS bytes),"
        " counted AS (INSERT INTO integrations.webhook_payload_changes SELECT -sum(bytes) FROM payloads HAVING count(*) > 0)"
        " SELECT (SELECT count(*) FROM gone), (SELECT max(webhook_id) FROM chosen), max(webhook_id), count(*),"
        " max(received_at_ms) FROM seen",
        event_seen, retention.rows_max * k_looked_at_max, retention.failed_before_ms, retention.finished_before_ms,
        retention.rows_max);
    if (rows.empty()) return 0;
    const Row row = rows.front();
    const std::int64_t removed_count = row.integer(0);
    const bool is_end = row.integer(3) < static_cast<std::int64_t>(retention.rows_max * k_looked_at_max) ||
                        row.integer(4) >= young_ms;
    if (removed_count > 0) {
      event_seen = row.integer(1);
      return removed_count;
    }
    event_seen = is_end ? 0 : row.integer(2);
    if (is_end) return 0;
  }
  return 0;
}

/// The size, made one row again.
std::int64_t payload_bytes(Connection& connection) {
  const Rows rows = connection.query(
      "WITH changes AS (DELETE FROM integrations.webhook_payload_changes RETURNING bytes)"
      " INSERT INTO integrations.webhook_payload_changes SELECT coalesce(sum(bytes), 0) FROM changes RETURNING bytes");
  return rows.empty() ? 0 : rows.front().integer(0);
}

std::int64_t remove_old_payloads(Connection& connection, const WebhookRetention& retention) {
  const std::int64_t excess_bytes = payload_bytes(connection) - retention.payload_bytes_max;
  if (excess_bytes <= 0) return 0;
  const Rows rows = connection.query(
      "WITH oldest AS MATERIALIZED (SELECT webhook_id, octet_length(headers) + octet_length(body) AS bytes"
      " FROM integrations.webhook_payloads ORDER BY webhook_id LIMIT $1),"
      // Locked, so that no replay makes one pending that loses its payload now.
      " finished AS MATERIALIZED (SELECT e.webhook_id, o.bytes FROM oldest o"
      " JOIN integrations.webhook_log e ON e.webhook_id = o.webhook_id WHERE e.next_processing_at_ms IS NULL"
      " ORDER BY e.webhook_id LIMIT $2 FOR UPDATE OF e),"
      " chosen AS MATERIALIZED (SELECT webhook_id FROM (SELECT webhook_id, bytes, sum(bytes) OVER (ORDER BY webhook_id) AS total"
      " FROM finished) f WHERE total - bytes < $3),"
      " gone AS (DELETE FROM integrations.webhook_payloads WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM chosen))"
      " RETURNING octet_length(headers) + octet_length(body) AS bytes),"
      " counted AS (INSERT INTO integrations.webhook_payload_changes SELECT -sum(bytes) FROM gone HAVING count(*) > 0)"
      " SELECT count(*) FROM gone",
      retention.rows_max * k_looked_at_max, retention.rows_max, excess_bytes);
  return rows.empty() ? 0 : rows.front().integer(0);
}

/// Keys are in the order of their hash, so their age says nothing about their place: each step looks at the next some
/// thousand of them.
std::int64_t remove_old_keys(Connection& connection, const WebhookRetention& retention, std::string& key_seen) {
  const auto looked_at_max = static_cast<std::int64_t>(retention.rows_max * k_looked_at_max);
  const Rows rows = connection.query(
      "WITH seen AS MATERIALIZED (SELECT key, webhook_id FROM integrations.webhook_keys WHERE key > $1 ORDER BY key LIMIT $2),"
      " chosen AS MATERIALIZED (SELECT key FROM seen WHERE webhook_id < $3 ORDER BY key LIMIT $4),"
      " gone AS (DELETE FROM integrations.webhook_keys WHERE key = ANY(ARRAY(SELECT key FROM chosen)) AND webhook_id < $3"
      " RETURNING key)"
      " SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM chosen), (SELECT key FROM chosen ORDER BY key DESC LIMIT 1),"
      " (SELECT count(*) FROM seen), (SELECT key FROM seen ORDER BY key DESC LIMIT 1)",
      key_seen.empty() ? "00000000-0000-0000-0000-000000000000" : key_seen.c_str(), looked_at_max,
      retention.keys_before_ms << k_webhook_id_unique_bits, retention.rows_max);
  if (rows.empty()) return 0;
  const Row row = rows.front();
  if (row.integer(1) == static_cast<std::int64_t>(retention.rows_max))
    key_seen = row.text(2);
  else if (row.integer(3) == looked_at_max)
    key_seen = row.text(4);
  else
    key_seen.clear();  // the end: from the start again
  return row.integer(0);
}

}  // namespace

std::int64_t trim_webhooks(Connection& connection, const WebhookRetention& retention, WebhookTrimPlace& place) {
  const Rows rows = connection.query("SELECT pg_try_advisory_xact_lock(hashtext('tomada webhook retention'))");
  if (rows.empty() || !rows.front().boolean(0)) return 0;
  std::int64_t removed_count = remove_old_events(connection, retention, place.event_seen);
  // What goes by age makes room: size is judged when nothing is left to go by age.
  if (removed_count == 0) removed_count += remove_old_payloads(connection, retention);
  return removed_count + remove_old_keys(connection, retention, place.key_seen);
}

}  // namespace tomada::store::postgres
