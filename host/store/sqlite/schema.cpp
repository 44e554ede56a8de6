#include "host/store/sqlite/schema.hpp"

#include "host/store/sqlite/schema_scripts.hpp"

#include <array>
#include <string>

namespace tomada::store::sqlite {
namespace {

struct Migration {
  std::int64_t version;
  const char* name;
  const char* script;
};

/* Never change a script that was released: add the next one.
 *
 * records and record_keys are one thing in two trees. `records` is the change order itself (a change moves the row to
 * the end, so reading changes is one forward scan); `record_keys` finds a record and says when a full run last saw it.
 * The second is narrow: a full run over unchanged records writes some 60 bytes for each, never the data. */
constexpr const char* k_first = R"sql(
CREATE TABLE tenants (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  key_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL REFERENCES tenants,
  role TEXT NOT NULL,
  key_sha256 TEXT NOT NULL UNIQUE,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id);

CREATE TABLE allowed_plugins (
  tenant_id TEXT NOT NULL REFERENCES tenants,
  plugin_id TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, plugin_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_keys (
  tenant_id TEXT NOT NULL PRIMARY KEY REFERENCES tenants,
  wrapped_key BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_configurations (
  config_no INTEGER PRIMARY KEY,  -- short name for rows and indexes; never leaves this file
  config_id TEXT NOT NULL UNIQUE,
  tenant_id TEXT NOT NULL REFERENCES tenants,
  integration_name TEXT NOT NULL,
  provider_name TEXT NOT NULL,
  config_json TEXT NOT NULL,
  sealed_credentials BLOB NOT NULL,
  is_enabled INTEGER NOT NULL,
  health_status TEXT NOT NULL,
  connection_status TEXT NOT NULL,
  last_sync_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX api_configurations_by_tenant ON api_configurations (tenant_id, config_id);
CREATE INDEX api_configurations_by_provider ON api_configurations (tenant_id, provider_name, config_id);

CREATE TABLE sync_state (
  entity_no INTEGER PRIMARY KEY,  -- short name of (integration, entity)
  config_no INTEGER NOT NULL REFERENCES api_configurations,
  entity TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  since TEXT NOT NULL DEFAULT '',
  live_count INTEGER NOT NULL DEFAULT 0,
  UNIQUE (config_no, entity)
) STRICT;

CREATE TABLE records (
  sequence INTEGER PRIMARY KEY,
  entity_no INTEGER NOT NULL REFERENCES sync_state,
  external_id TEXT NOT NULL,
  data TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  version INTEGER NOT NULL,
  source TEXT NOT NULL,
  plugin_version TEXT NOT NULL
) STRICT;
CREATE INDEX records_by_entity ON records (entity_no);  -- and so, by its row number, in change order

CREATE TABLE record_keys (
  entity_no INTEGER NOT NULL REFERENCES sync_state,
  external_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (entity_no, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE record_sequence (last INTEGER NOT NULL) STRICT;  -- one row: the highest sequence ever given
INSERT INTO record_sequence VALUES (0);

CREATE TABLE sync_operations (
  sync_id TEXT NOT NULL UNIQUE,
  tenant_id TEXT NOT NULL REFERENCES tenants,
  config_id TEXT NOT NULL REFERENCES api_configurations (config_id),
  entity_type TEXT NOT NULL,
  mode TEXT NOT NULL,
  operation_status TEXT NOT NULL,
  records_processed INTEGER NOT NULL DEFAULT 0,
  records_successful INTEGER NOT NULL DEFAULT 0,
  records_changed INTEGER NOT NULL DEFAULT 0,
  records_deleted INTEGER NOT NULL DEFAULT 0,
  records_failed INTEGER NOT NULL DEFAULT 0,
  progress_current INTEGER NOT NULL DEFAULT 0,
  progress_total INTEGER NOT NULL DEFAULT 0,
  retry_count INTEGER NOT NULL DEFAULT 0,
  started_at_ms INTEGER,
  completed_at_ms INTEGER,
  next_retry_at_ms INTEGER,
  error_code TEXT NOT NULL DEFAULT '',
  error_message TEXT NOT NULL DEFAULT '',
  created_at_ms INTEGER NOT NULL,
  current_entity TEXT NOT NULL DEFAULT '',
  generation INTEGER NOT NULL DEFAULT 0,
  cursor TEXT NOT NULL DEFAULT '',
  entities_done TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX sync_operations_by_config ON sync_operations (config_id, sync_id);
CREATE INDEX sync_operations_open ON sync_operations (config_id) WHERE operation_status IN ('pending', 'processing');

CREATE TABLE jobs (
  job_id TEXT NOT NULL UNIQUE,
  tenant_id TEXT NOT NULL REFERENCES tenants,
  config_id TEXT NOT NULL REFERENCES api_configurations (config_id),
  sync_id TEXT,  -- of kind "sync"
  kind TEXT NOT NULL,
  payload_json TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'waiting',  -- waiting | running | dead
  due_at_ms INTEGER NOT NULL,
  lease_until_ms INTEGER,  -- while running
  attempts INTEGER NOT NULL DEFAULT 0,
  fencing_token INTEGER NOT NULL DEFAULT 0,
  error_code TEXT NOT NULL DEFAULT '',
  error_message TEXT NOT NULL DEFAULT '',
  created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_by_due ON jobs (due_at_ms, job_id) WHERE status <> 'dead';
CREATE INDEX jobs_running ON jobs (config_id) WHERE status = 'running';
CREATE INDEX jobs_by_config ON jobs (config_id);
CREATE INDEX jobs_by_sync ON jobs (sync_id);

CREATE TABLE plugin_values (
  config_no INTEGER NOT NULL REFERENCES api_configurations,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  UNIQUE (config_no, key)
) STRICT;
)sql";

/* Webhooks are the hot path: every tree that an event touches is a page of its own in each commit, so there are few.
 * - webhook_events is narrow and ordered as it is read; config_no 0: an account that no integration has.
 * - next_processing_at_ms is set while an event is open (pending or processing), whatever its status says: the indexes
 *   ask for it and not for the status, so taking an event moves no entry of the two large ones.
 * - webhook_keys finds an event that was stored before: 16 bytes of a hash instead of two long texts. New keys wait in
 *   webhook_keys_new, in the order in which they came, and are moved many at once (webhook_keys.hpp).
 * - webhook_payloads is ordered by time over all integrations: retention by size starts at its beginning. */
constexpr const char* k_webhooks = R"sql(
CREATE TABLE apps (
  app_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL REFERENCES tenants,
  app_name TEXT NOT NULL,
  provider_name TEXT NOT NULL,
  sealed_credentials BLOB NOT NULL,
  is_shared INTEGER NOT NULL,
  is_enabled INTEGER NOT NULL,
  allow_legacy INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX apps_by_tenant ON apps (tenant_id);
CREATE INDEX apps_shared ON apps (app_id) WHERE is_shared = 1;

ALTER TABLE api_configurations ADD COLUMN app_id TEXT NOT NULL DEFAULT '';
ALTER TABLE api_configurations ADD COLUMN account_id TEXT NOT NULL DEFAULT '';
ALTER TABLE api_configurations ADD COLUMN allow_legacy INTEGER NOT NULL DEFAULT 0;
CREATE INDEX api_configurations_by_app ON api_configurations (app_id, account_id) WHERE app_id <> '';

CREATE UNIQUE INDEX jobs_of_webhooks ON jobs (config_id) WHERE kind = 'webhook';

CREATE TABLE webhook_events (
  config_no INTEGER NOT NULL,
  webhook_id INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  subject TEXT NOT NULL,
  app_id TEXT NOT NULL,
  source_ip TEXT NOT NULL,
  signature_verified INTEGER NOT NULL,
  processing_status TEXT NOT NULL,
  processing_attempts INTEGER NOT NULL DEFAULT 0,
  next_processing_at_ms INTEGER,
  processed_at_ms INTEGER,
  error_code TEXT NOT NULL DEFAULT '',
  processing_error TEXT NOT NULL DEFAULT '',
  received_at_ms INTEGER NOT NULL,
  body_bytes INTEGER NOT NULL,
  PRIMARY KEY (config_no, webhook_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_events_open ON webhook_events (config_no, next_processing_at_ms)
  WHERE next_processing_at_ms IS NOT NULL;
CREATE INDEX webhook_events_by_subject ON webhook_events (config_no, subject)
  WHERE next_processing_at_ms IS NOT NULL AND subject <> '';
CREATE INDEX webhook_events_in_hand ON webhook_events (config_no) WHERE processing_status = 'processing';
CREATE INDEX webhook_events_failed ON webhook_events (config_no, signature_verified)
  WHERE processing_status = 'failed';

CREATE TABLE webhook_payloads (
  webhook_id INTEGER PRIMARY KEY,
  config_no INTEGER NOT NULL,
  headers BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE webhook_payload_bytes (total INTEGER NOT NULL) STRICT;  -- one row: of all payloads
INSERT INTO webhook_payload_bytes VALUES (0);

CREATE TABLE webhook_keys (
  key BLOB NOT NULL PRIMARY KEY,
  webhook_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_keys_new (
  added_no INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  webhook_id INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_attempts (
  webhook_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  started_at_ms INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  error_code TEXT NOT NULL,
  error_message TEXT NOT NULL,
  PRIMARY KEY (webhook_id, attempt)
) STRICT, WITHOUT ROWID;
)sql";

/* What is known of plugins. A few rows for each plugin, and a row for each tenant that stays on a version. */
constexpr const char* k_plugins = R"sql(
CREATE TABLE plugin_versions (
  plugin_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  version TEXT NOT NULL,
  installed_at_ms INTEGER NOT NULL,
  PRIMARY KEY (plugin_id, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin_choices (
  plugin_id TEXT NOT NULL PRIMARY KEY,
  sha256 TEXT NOT NULL,
  previous_sha256 TEXT NOT NULL DEFAULT '',
  chosen_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin_pins (
  plugin_id TEXT NOT NULL,
  tenant_id TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
  version TEXT NOT NULL,
  PRIMARY KEY (plugin_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX plugin_pins_by_tenant ON plugin_pins (tenant_id);

CREATE TABLE plugin_quarantines (
  plugin_id TEXT NOT NULL PRIMARY KEY,
  version TEXT NOT NULL,
  reason TEXT NOT NULL,
  signal INTEGER NOT NULL,
  last_service TEXT NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

/* What was approved with an allowed plugin. Without a text: allowed before there was one (plugin::Registry fills it in). */
constexpr const char* k_approvals = R"sql(
ALTER TABLE allowed_plugins ADD COLUMN capabilities TEXT;
ALTER TABLE allowed_plugins ADD COLUMN approved_by TEXT NOT NULL DEFAULT '';
ALTER TABLE allowed_plugins ADD COLUMN approved_at_ms INTEGER;
)sql";

constexpr std::array k_migrations{Migration{1, "first", k_first}, Migration{2, "webhooks", k_webhooks},
                                  Migration{3, "plugins", k_plugins}, Migration{4, "approvals", k_approvals},
                                  Migration{5, "call limits", k_call_limits}, Migration{6, "events", k_events},
                                  Migration{7, "calls", k_calls}, Migration{8, "cache", k_cache}};

std::int64_t scalar(Connection& connection, Sql sql) {
  auto query = connection.prepare(sql);
  return query.step() ? query.integer(0) : 0;
}

Result<void> apply(Connection& connection, const Migration& migration, std::int64_t now_ms) {
  connection.execute("BEGIN IMMEDIATE");
  connection.execute(migration.script);
  connection.run("INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (?1, ?2, ?3)", migration.version,
                 migration.name, now_ms);
  connection.execute("COMMIT");
  auto error = connection.take_error();
  if (!error) return {};
  if (connection.in_transaction()) {
    connection.execute("ROLLBACK");
    (void)connection.take_error();
  }
  return std::move(*error).within("migration " + std::to_string(migration.version) + " (" + migration.name + ")");
}

}  // namespace

Result<void> check_file(Connection& connection) {
  const bool is_new = scalar(connection, "SELECT count(*) FROM sqlite_schema") == 0;
  TOMADA_TRY(connection.take_result());
  if (is_new) return {};
  if (scalar(connection, "PRAGMA application_id") != k_application_id)
    return fail(Errc::invalid_data, "it is an SQLite database, but not one of Tomada");

  auto query = connection.prepare("PRAGMA quick_check(1)");
  const std::string finding = query.step() ? query.text(0) : "no answer";
  TOMADA_TRY(connection.take_result());
  if (finding != "ok") return fail(Errc::invalid_data, "the database file is damaged: " + finding);

  const std::int64_t known = k_migrations.back().version;
  const std::int64_t version = scalar(connection, "SELECT coalesce(max(version), 0) FROM schema_migrations");
  TOMADA_TRY(connection.take_result());
  if (version > known)
    return fail(Errc::invalid_data, "the database belongs to a newer version of Tomada (its schema is " +
                                        std::to_string(version) + ", this program knows up to " +
                                        std::to_string(known) + "); use that version, or another data directory");
  return {};
}

Result<void> migrate(Connection& connection, std::int64_t now_ms) {
  connection.execute("BEGIN IMMEDIATE");
  connection.execute(
      "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
      " applied_at_ms INTEGER NOT NULL) STRICT;");
  connection.execute("PRAGMA application_id=" + std::to_string(k_application_id));
  connection.execute("COMMIT");
  const std::int64_t version = scalar(connection, "SELECT coalesce(max(version), 0) FROM schema_migrations");
  TOMADA_TRY(connection.take_result());
  for (const Migration& migration : k_migrations)
    if (migration.version > version) TOMADA_TRY(apply(connection, migration, now_ms));
  return {};
}

}  // namespace tomada::store::sqlite
