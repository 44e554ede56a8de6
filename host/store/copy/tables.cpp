#include "host/store/copy/tables.hpp"

#include <array>

namespace tomada::store::copying {
namespace {

using enum Kind;

// An integration's rows are found through api_configurations in the order of its ids: SQLite's own short numbers
// (config_no) stay behind. CROSS JOIN holds SQLite to that order.

constexpr std::array k_tenants{Column{"tenant_id", id}, Column{"name"}, Column{"created_at", Kind::time}};
constexpr std::array k_api_keys{Column{"key_id", id}, Column{"tenant_id", id}, Column{"role"}, Column{"key_sha256"},
                                Column{"created_at", Kind::time}};
constexpr std::array k_allowed_plugins{
    Column{"tenant_id", id}, Column{"plugin_id"}, Column{"created_at", Kind::time}, Column{"capabilities", text, Null::yes},
    Column{"approved_by"}, Column{"approved_at", Kind::time, Null::yes}};
constexpr std::array k_tenant_keys{Column{"tenant_id", id}, Column{"wrapped_key", bytes}};
constexpr std::array k_apps{
    Column{"app_id", id}, Column{"tenant_id", id}, Column{"app_name"}, Column{"provider_name"},
    Column{"sealed_credentials", bytes}, Column{"is_shared", boolean}, Column{"is_enabled", boolean},
    Column{"allow_legacy", boolean}, Column{"created_at", Kind::time}, Column{"updated_at", Kind::time},
    Column{"version", integer}};
constexpr std::array k_api_configurations{
    Column{"config_id", id}, Column{"tenant_id", id}, Column{"integration_name"}, Column{"provider_name"},
    Column{"config_json", json}, Column{"sealed_credentials", bytes}, Column{"is_enabled", boolean},
    Column{"health_status"}, Column{"connection_status"}, Column{"last_sync_at", Kind::time, Null::yes},
    Column{"created_at", Kind::time}, Column{"updated_at", Kind::time}, Column{"app_id", id, Null::yes},
    Column{"account_id"}, Column{"allow_legacy", boolean}, Column{"version", integer},
    Column{"rate_limit_per_minute", integer, Null::yes}, Column{"rate_limit_per_hour", integer, Null::yes},
    Column{"timeout_seconds", integer, Null::yes}, Column{"retry_attempts", integer, Null::yes},
    Column{"retry_backoff_ms", integer, Null::yes}, Column{"circuit_breaker_threshold", integer, Null::yes},
    Column{"circuit_breaker_timeout_ms", integer, Null::yes}, Column{"circuit_breaker_enabled", boolean, Null::yes}};
constexpr std::array k_sync_state{
    Column{"entity_no", integer}, Column{"tenant_id", id}, Column{"config_id", id}, Column{"entity"},
    Column{"generation", integer}, Column{"since"}, Column{"live_count", integer}};
constexpr std::array k_record_sequences{Column{"config_id", id}, Column{"tenant_id", id}, Column{"last", integer}};
constexpr std::array k_records{
    Column{"sequence", integer}, Column{"tenant_id", id}, Column{"config_id", id}, Column{"entity_no", integer},
    Column{"external_id"}, Column{"data", json}, Column{"updated_at_ms", integer}, Column{"deleted", boolean},
    Column{"version", integer}, Column{"source"}, Column{"plugin_version"}};
constexpr std::array k_record_keys{
    Column{"entity_no", integer}, Column{"external_id"}, Column{"tenant_id", id}, Column{"sequence", integer},
    Column{"generation", integer}, Column{"deleted", boolean}};
constexpr std::array k_sync_operations{
    Column{"sync_id", id}, Column{"tenant_id", id}, Column{"config_id", id}, Column{"entity_type"}, Column{"mode"},
    Column{"operation_status"}, Column{"records_processed", integer}, Column{"records_successful", integer},
    Column{"records_changed", integer}, Column{"records_deleted", integer}, Column{"records_failed", integer},
    Column{"progress_current", integer}, Column{"progress_total", integer}, Column{"retry_count", integer},
    Column{"started_at", Kind::time, Null::yes}, Column{"completed_at", Kind::time, Null::yes},
    Column{"next_retry_at", Kind::time, Null::yes}, Column{"error_code"}, Column{"error_message"},
    Column{"created_at", Kind::time}, Column{"current_entity"}, Column{"generation", integer}, Column{"cursor"},
    Column{"entities_done", json}};
constexpr std::array k_jobs{
    Column{"job_id", id}, Column{"tenant_id", id}, Column{"config_id", id}, Column{"sync_id", id, Null::yes},
    Column{"kind"}, Column{"payload_json"}, Column{"status"}, Column{"due_at_ms", integer},
    Column{"attempts", integer}, Column{"fencing_token", integer}, Column{"error_code"}, Column{"error_message"},
    Column{"created_at_ms", integer}};
constexpr std::array k_plugin_values{Column{"config_id", id}, Column{"key", bytes}, Column{"tenant_id", id},
                                     Column{"value", bytes}};
constexpr std::array k_rate_limit_tracking{
    Column{"config_id", id}, Column{"time_window", Kind::time}, Column{"window_type"}, Column{"tenant_id", id},
    Column{"request_count", integer}, Column{"quota_limit", integer}, Column{"quota_remaining", integer, Null::yes},
    Column{"quota_reset_at", Kind::time, Null::yes}, Column{"last_request_at", Kind::time}};
constexpr std::array k_rate_limit_learned{Column{"config_id", id}, Column{"tenant_id", id}, Column{"learned_json"},
                                          Column{"updated_at_ms", integer}};
constexpr std::array k_circuit_breaker_status{
    Column{"config_id", id}, Column{"host"}, Column{"tenant_id", id}, Column{"current_state"},
    Column{"failure_count", integer}, Column{"success_count", integer}, Column{"consecutive_failures", integer},
    Column{"consecutive_successes", integer}, Column{"last_failure_at", Kind::time, Null::yes},
    Column{"last_success_at", Kind::time, Null::yes}, Column{"next_attempt_at", Kind::time, Null::yes},
    Column{"state_changed_at", Kind::time}};
constexpr std::array k_event_sequences{Column{"tenant_id", id}, Column{"last", integer}};
constexpr std::array k_events{Column{"tenant_id", id}, Column{"sequence", integer}, Column{"config_id", id, Null::yes},
                              Column{"type"}, Column{"data_json"}, Column{"created_at_ms", integer}};
constexpr std::array k_plugin_versions{Column{"plugin_id"}, Column{"sha256"}, Column{"version"},
                                       Column{"installed_at_ms", integer}};
constexpr std::array k_plugin_choices{Column{"plugin_id"}, Column{"sha256"}, Column{"previous_sha256"},
                                      Column{"chosen_at_ms", integer}};
constexpr std::array k_plugin_pins{Column{"plugin_id"}, Column{"tenant_id", id}, Column{"version"}};
constexpr std::array k_plugin_quarantines{Column{"plugin_id"}, Column{"version"}, Column{"reason"},
                                          Column{"signal", integer}, Column{"last_service"}, Column{"since_ms", integer}};

// The log of integrations, and that of accounts which no integration has: what follows the key is the same.
#define TOMADA_LOG_COLUMNS                                                                                           \
  Column{"tenant_id", id}, Column{"app_id", id, Null::yes}, Column{"event_id"}, Column{"event_type"},                \
      Column{"subject"}, Column{"source_ip"}, Column{"signature_verified", boolean}, Column{"processing_status"},    \
      Column{"processing_attempts", integer}, Column{"next_processing_at_ms", integer, Null::yes},                   \
      Column{"processed_at_ms", integer, Null::yes}, Column{"error_code"}, Column{"processing_error"},               \
      Column{"received_at_ms", integer}, Column { "body_bytes", integer }
#define TOMADA_LOG_VALUES                                                                                     \
  "nullif(e.app_id, ''), e.event_id, e.event_type, e.subject, e.source_ip, e.signature_verified,"             \
  " e.processing_status, e.processing_attempts, e.next_processing_at_ms, e.processed_at_ms, e.error_code,"    \
  " e.processing_error, e.received_at_ms, e.body_bytes FROM "
constexpr std::array k_webhook_log{Column{"config_id", id}, Column{"webhook_id", integer}, TOMADA_LOG_COLUMNS};
constexpr std::array k_webhook_log_of_apps{Column{"webhook_id", integer}, TOMADA_LOG_COLUMNS};

constexpr std::array k_webhook_payloads{Column{"webhook_id", integer}, Column{"headers", bytes}, Column{"body", bytes}};
constexpr std::array k_webhook_keys{Column{"key", hash}, Column{"webhook_id", integer}};
constexpr std::array k_webhook_attempts{
    Column{"webhook_id", integer}, Column{"attempt", integer}, Column{"started_at_ms", integer},
    Column{"duration_us", integer}, Column{"error_code"}, Column{"error_message"}};

// Of a key whose event is gone nobody knows the tenant any more: it is the host's alone.
#define TOMADA_TENANT_OF_EVENT ", coalesce(l.tenant_id, '00000000-0000-0000-0000-000000000000')"
#define TOMADA_JOIN_EVENT " LEFT JOIN integrations.webhook_log l ON l.webhook_id = u.webhook_id"
#define TOMADA_CHECK_EVENT(relation) \
  "SELECT count(*) FROM integrations." relation " t JOIN integrations.webhook_log l USING (webhook_id) WHERE t.tenant_id <> l.tenant_id"

// Keys that are being moved stand in both tables (sqlite/webhook_keys.hpp).
#define TOMADA_NOT_MOVED " AND NOT EXISTS (SELECT 1 FROM webhook_keys k WHERE k.key = n.key)"

constexpr std::array k_tables{
    Table{.name = "tenants", .relation = "tenants", .columns = k_tenants, .keys_count = 1,
          .rows = "SELECT tenant_id, name, created_at_ms FROM tenants WHERE tenant_id > ?1 ORDER BY tenant_id",
          .count = "SELECT count(*) FROM tenants"},
    Table{.name = "api_keys", .relation = "api_keys", .columns = k_api_keys, .keys_count = 1,
          .rows = "SELECT key_id, tenant_id, role, key_sha256, created_at_ms FROM api_keys WHERE key_id > ?1 ORDER BY key_id",
          .count = "SELECT count(*) FROM api_keys"},
    Table{.name = "allowed_plugins", .relation = "allowed_plugins", .columns = k_allowed_plugins, .keys_count = 2,
          .rows = "SELECT tenant_id, plugin_id, created_at_ms, capabilities, approved_by, approved_at_ms FROM allowed_plugins"
                  " WHERE (tenant_id, plugin_id) > (?1, ?2)"
                  " ORDER BY tenant_id, plugin_id",
          .count = "SELECT count(*) FROM allowed_plugins"},
    Table{.name = "tenant_keys", .relation = "tenant_keys", .columns = k_tenant_keys, .keys_count = 1,
          .rows = "SELECT tenant_id, wrapped_key FROM tenant_keys WHERE tenant_id > ?1 ORDER BY tenant_id",
          .count = "SELECT count(*) FROM tenant_keys"},
    Table{.name = "apps", .relation = "apps", .columns = k_apps, .keys_count = 1,
          .rows = "SELECT app_id, tenant_id, app_name, provider_name, sealed_credentials, is_shared, is_enabled, allow_legacy,"
                  " created_at_ms, updated_at_ms, version FROM apps WHERE app_id > ?1 ORDER BY app_id",
          .count = "SELECT count(*) FROM apps"},
    Table{.name = "api_configurations", .relation = "api_configurations", .columns = k_api_configurations, .keys_count = 1,
          .rows = "SELECT config_id, tenant_id, integration_name, provider_name, config_json, sealed_credentials, is_enabled,"
                  " health_status, connection_status, last_sync_at_ms, created_at_ms, updated_at_ms, nullif(app_id, ''),"
                  " account_id, allow_legacy, version, rate_limit_per_minute, rate_limit_per_hour, timeout_seconds, retry_attempts,"
                  " retry_backoff_ms, circuit_breaker_threshold, circuit_breaker_timeout_ms, circuit_breaker_enabled"
                  " FROM api_configurations WHERE config_id > ?1 ORDER BY config_id",
          .count = "SELECT count(*) FROM api_configurations"},
    Table{.name = "sync_state", .relation = "sync_state", .columns = k_sync_state, .keys_count = 1,
          .rows = "SELECT s.entity_no, c.tenant_id, c.config_id, s.entity, s.generation, s.since, s.live_count"
                  " FROM sync_state s CROSS JOIN api_configurations c ON c.config_no = s.config_no"
                  " WHERE s.entity_no > CAST(?1 AS INTEGER) ORDER BY s.entity_no",
          .count = "SELECT count(*) FROM sync_state"},
    // SQLite counts for all integrations together: where that stands is behind every cursor that a consumer holds.
    Table{.name = "record_sequences", .relation = "record_sequences", .columns = k_record_sequences, .keys_count = 1,
          .rows = "SELECT config_id, tenant_id, (SELECT last FROM record_sequence) FROM api_configurations"
                  " WHERE config_id > ?1 ORDER BY config_id",
          .count = "SELECT count(*) FROM api_configurations"},
    Table{.name = "records", .relation = "records", .columns = k_records, .keys_count = 1,
          .rows = "SELECT r.sequence, c.tenant_id, c.config_id, r.entity_no, r.external_id, r.data, r.updated_at_ms, r.deleted,"
                  " r.version, r.source, r.plugin_version FROM records r"
                  " CROSS JOIN sync_state s ON s.entity_no = r.entity_no"
                  " CROSS JOIN api_configurations c ON c.config_no = s.config_no"
                  " WHERE r.sequence > CAST(?1 AS INTEGER) ORDER BY r.sequence",
          .count = "SELECT count(*) FROM records"},
    Table{.name = "record_keys", .relation = "record_keys", .columns = k_record_keys, .keys_count = 2,
          .rows = "SELECT k.entity_no, k.external_id, c.tenant_id, k.sequence, k.generation, k.deleted FROM record_keys k"
                  " CROSS JOIN sync_state s ON s.entity_no = k.entity_no"
                  " CROSS JOIN api_configurations c ON c.config_no = s.config_no"
                  " WHERE (k.entity_no, k.external_id) > (CAST(?1 AS INTEGER), ?2) ORDER BY k.entity_no, k.external_id",
          .count = "SELECT count(*) FROM record_keys"},
    // What a host had in hand is as after Jobs::release_all.
    Table{.name = "sync_operations", .relation = "sync_operations", .columns = k_sync_operations, .keys_count = 1,
          .rows = "SELECT o.sync_id, o.tenant_id, o.config_id, o.entity_type, o.mode,"
                  " CASE WHEN o.operation_status = 'processing' AND EXISTS (SELECT 1 FROM jobs j WHERE j.sync_id = o.sync_id"
                  " AND j.status = 'running') THEN 'pending' ELSE o.operation_status END,"
                  " o.records_processed, o.records_successful, o.records_changed, o.records_deleted, o.records_failed,"
                  " o.progress_current, o.progress_total, o.retry_count, o.started_at_ms, o.completed_at_ms,"
                  " o.next_retry_at_ms, o.error_code, o.error_message, o.created_at_ms, o.current_entity, o.generation,"
                  " o.cursor, o.entities_done FROM sync_operations o WHERE o.sync_id > ?1 ORDER BY o.sync_id",
          .count = "SELECT count(*) FROM sync_operations",
          .more_names = ", response_time_ms", .more_values = ", u.completed_at - u.started_at"},
    Table{.name = "jobs", .relation = "jobs", .columns = k_jobs, .keys_count = 1,
          .rows = "SELECT job_id, tenant_id, config_id, nullif(sync_id, ''), kind, payload_json,"
                  " CASE status WHEN 'running' THEN 'waiting' ELSE status END, due_at_ms, attempts, fencing_token,"
                  " error_code, error_message, created_at_ms FROM jobs WHERE job_id > ?1 ORDER BY job_id",
          .count = "SELECT count(*) FROM jobs"},
    Table{.name = "plugin_values", .relation = "plugin_values", .columns = k_plugin_values, .keys_count = 2,
          .rows = "SELECT c.config_id, v.key, c.tenant_id, v.value FROM api_configurations c"
                  " CROSS JOIN plugin_values v ON v.config_no = c.config_no"
                  " WHERE c.config_id >= ?1 AND (c.config_id > ?1 OR v.key > ?2) ORDER BY c.config_id, v.key",
          .count = "SELECT count(*) FROM plugin_values"},
    Table{.name = "rate_limit_tracking", .relation = "rate_limit_tracking", .columns = k_rate_limit_tracking, .keys_count = 3,
          .rows = "SELECT c.config_id, r.time_window_ms, r.window_type, c.tenant_id, r.request_count, r.quota_limit,"
                  " r.quota_remaining, r.quota_reset_at_ms, r.last_request_at_ms FROM api_configurations c"
                  " CROSS JOIN rate_limit_tracking r ON r.config_no = c.config_no WHERE c.config_id >= ?1"
                  " AND (c.config_id > ?1 OR (r.time_window_ms, r.window_type) > (CAST(?2 AS INTEGER), ?3))"
                  " ORDER BY c.config_id, r.time_window_ms, r.window_type",
          .count = "SELECT count(*) FROM rate_limit_tracking"},
    Table{.name = "rate_limit_learned", .relation = "rate_limit_learned", .columns = k_rate_limit_learned, .keys_count = 1,
          .rows = "SELECT c.config_id, c.tenant_id, l.learned_json, l.updated_at_ms FROM api_configurations c"
                  " CROSS JOIN rate_limit_learned l ON l.config_no = c.config_no WHERE c.config_id > ?1 ORDER BY c.config_id",
          .count = "SELECT count(*) FROM rate_limit_learned"},
    Table{.name = "circuit_breaker_status", .relation = "circuit_breaker_status", .columns = k_circuit_breaker_status,
          .keys_count = 2,
          .rows = "SELECT c.config_id, b.host, c.tenant_id, b.current_state, b.failure_count, b.success_count,"
                  " b.consecutive_failures, b.consecutive_successes, b.last_failure_at_ms, b.last_success_at_ms,"
                  " b.next_attempt_at_ms, b.state_changed_at_ms FROM api_configurations c"
                  " CROSS JOIN circuit_breaker_status b ON b.config_no = c.config_no"
                  " WHERE c.config_id >= ?1 AND (c.config_id > ?1 OR b.host > ?2) ORDER BY c.config_id, b.host",
          .count = "SELECT count(*) FROM circuit_breaker_status"},
    // With the counter: a reader's last sequence stays behind all that comes, also where every event went.
    Table{.name = "event_sequences", .relation = "event_sequences", .columns = k_event_sequences, .keys_count = 1,
          .rows = "SELECT tenant_id, last FROM event_sequences WHERE tenant_id > ?1 ORDER BY tenant_id",
          .count = "SELECT count(*) FROM event_sequences"},
    Table{.name = "events", .relation = "events", .columns = k_events, .keys_count = 2,
          .rows = "SELECT tenant_id, sequence, nullif(config_id, ''), type, data_json, created_at_ms FROM events"
                  " WHERE (tenant_id, sequence) > (?1, CAST(?2 AS INTEGER)) ORDER BY tenant_id, sequence",
          .count = "SELECT count(*) FROM events"},
    Table{.name = "plugin_versions", .relation = "plugin_versions", .columns = k_plugin_versions, .keys_count = 2,
          .rows = "SELECT plugin_id, sha256, version, installed_at_ms FROM plugin_versions WHERE (plugin_id, sha256) > (?1, ?2)"
                  " ORDER BY plugin_id, sha256",
          .count = "SELECT count(*) FROM plugin_versions"},
    Table{.name = "plugin_choices", .relation = "plugin_choices", .columns = k_plugin_choices, .keys_count = 1,
          .rows = "SELECT plugin_id, sha256, previous_sha256, chosen_at_ms FROM plugin_choices WHERE plugin_id > ?1"
                  " ORDER BY plugin_id",
          .count = "SELECT count(*) FROM plugin_choices"},
    Table{.name = "plugin_pins", .relation = "plugin_pins", .columns = k_plugin_pins, .keys_count = 2,
          .rows = "SELECT plugin_id, tenant_id, version FROM plugin_pins WHERE (plugin_id, tenant_id) > (?1, ?2)"
                  " ORDER BY plugin_id, tenant_id",
          .count = "SELECT count(*) FROM plugin_pins"},
    Table{.name = "plugin_quarantines", .relation = "plugin_quarantines", .columns = k_plugin_quarantines, .keys_count = 1,
          .rows = "SELECT plugin_id, version, reason, signal, last_service, since_ms FROM plugin_quarantines"
                  " WHERE plugin_id > ?1 ORDER BY plugin_id",
          .count = "SELECT count(*) FROM plugin_quarantines"},
    Table{.name = "webhook_log", .relation = "webhook_log", .columns = k_webhook_log, .keys_count = 2,
          .rows = "SELECT c.config_id, e.webhook_id, c.tenant_id, " TOMADA_LOG_VALUES
                  "api_configurations c CROSS JOIN webhook_events e ON e.config_no = c.config_no"
                  " WHERE c.config_id >= ?1 AND (c.config_id > ?1 OR e.webhook_id > CAST(?2 AS INTEGER))"
                  " ORDER BY c.config_id, e.webhook_id",
          .count = "SELECT count(*) FROM webhook_events WHERE config_no <> 0", .filter = " WHERE t.config_id IS NOT NULL"},
    Table{.name = "webhook_log_of_apps", .relation = "webhook_log", .columns = k_webhook_log_of_apps, .keys_count = 1,
          .rows = "SELECT e.webhook_id, a.tenant_id, " TOMADA_LOG_VALUES
                  "webhook_events e CROSS JOIN apps a ON a.app_id = e.app_id"
                  " WHERE e.config_no = 0 AND e.webhook_id > CAST(?1 AS INTEGER) ORDER BY e.webhook_id",
          .count = "SELECT count(*) FROM webhook_events WHERE config_no = 0", .filter = " WHERE t.config_id IS NULL"},
    Table{.name = "webhook_payloads", .relation = "webhook_payloads", .columns = k_webhook_payloads, .keys_count = 1,
          .rows = "SELECT webhook_id, headers, body FROM webhook_payloads WHERE webhook_id > CAST(?1 AS INTEGER) ORDER BY webhook_id",
          .count = "SELECT count(*) FROM webhook_payloads",
          .more_names = ", tenant_id", .more_values = TOMADA_TENANT_OF_EVENT, .join = TOMADA_JOIN_EVENT,
          .check = TOMADA_CHECK_EVENT("webhook_payloads")},
    Table{.name = "webhook_keys", .relation = "webhook_keys", .columns = k_webhook_keys, .keys_count = 1,
          .rows = "SELECT key, webhook_id FROM webhook_keys WHERE key > CAST(?1 AS BLOB) UNION ALL"
                  " SELECT n.key, n.webhook_id FROM webhook_keys_new n WHERE n.key > CAST(?1 AS BLOB)" TOMADA_NOT_MOVED
                  " ORDER BY key",
          .count = "SELECT (SELECT count(*) FROM webhook_keys) + (SELECT count(*) FROM webhook_keys_new n WHERE true"
                   TOMADA_NOT_MOVED ")",
          .more_names = ", tenant_id", .more_values = TOMADA_TENANT_OF_EVENT, .join = TOMADA_JOIN_EVENT,
          .check = TOMADA_CHECK_EVENT("webhook_keys")},
    Table{.name = "webhook_attempts", .relation = "webhook_attempts", .columns = k_webhook_attempts, .keys_count = 2,
          .rows = "SELECT webhook_id, attempt, started_at_ms, duration_us, error_code, error_message FROM webhook_attempts"
                  " WHERE (webhook_id, attempt) > (CAST(?1 AS INTEGER), CAST(?2 AS INTEGER)) ORDER BY webhook_id, attempt",
          .count = "SELECT count(*) FROM webhook_attempts",
          .more_names = ", tenant_id", .more_values = TOMADA_TENANT_OF_EVENT, .join = TOMADA_JOIN_EVENT,
          .check = TOMADA_CHECK_EVENT("webhook_attempts")},
};

std::string selected(const Column& column) {
  const std::string name = std::string("t.") + column.name;
  switch (column.kind) {
    case Kind::boolean: return name + "::int";
    case Kind::time: return "integrations.ms(" + name + ")";
    case Kind::json:
    case Kind::id: return name + "::text";
    case Kind::hash: return "replace(" + name + "::text, '-', '')";
    case Kind::integer:
    case Kind::text:
    case Kind::bytes: break;
  }
  return name;
}

std::string inserted(const Column& column) {
  const std::string name = std::string("u.") + column.name;
  if (column.kind == Kind::time) return "integrations.at(" + name + ")";
  if (column.kind == Kind::json) return name + "::json";
  return name;
}

template <class F>
std::string joined(std::span<const Column> columns, F text_of) {
  std::string text;
  for (const Column& column : columns) text += (text.empty() ? "" : ", ") + text_of(column);
  return text;
}

}  // namespace

std::span<const Table> tables() { return k_tables; }

const char* array_type(Kind kind) {
  switch (kind) {
    case Kind::integer:
    case Kind::time: return "::bigint[]";
    case Kind::boolean: return "::boolean[]";
    case Kind::id:
    case Kind::hash: return "::uuid[]";
    case Kind::bytes: return "::bytea[]";
    case Kind::text:
    case Kind::json: break;
  }
  return "::text[]";
}

std::string target_select(const Table& table) {
  // Bytes in order, whatever the database's language: as SQLite's BINARY.
  return "SELECT " + joined(table.columns, selected) + " FROM integrations." + table.relation + " t" + table.filter +
         " ORDER BY " + joined(table.columns.first(static_cast<std::size_t>(table.keys_count)), [](const Column& column) {
           return std::string("t.") + column.name + (column.kind == Kind::text ? " COLLATE \"C\"" : "");
         });
}

std::string target_insert_head(const Table& table) {
  return std::string("INSERT INTO integrations.") + table.relation + " (" +
         joined(table.columns, [](const Column& column) { return std::string(column.name); }) + table.more_names +
         ") OVERRIDING SYSTEM VALUE SELECT " + joined(table.columns, inserted) + table.more_values + " FROM unnest(";
}

std::string target_insert_tail(const Table& table) {
  return ") AS u(" + joined(table.columns, [](const Column& column) { return std::string(column.name); }) + ")" + table.join;
}

}  // namespace tomada::store::copying
