// What belongs to the calls that integrations make: their limits, breakers and cache, and the events that follow from them.
#include "host/store/sqlite/schema_scripts.hpp"

namespace tomada::store::sqlite {

/* What an integration says about its calls. NULL: nothing. */
const char k_call_limits[] = R"sql(
ALTER TABLE api_configurations ADD COLUMN rate_limit_per_minute INTEGER;
ALTER TABLE api_configurations ADD COLUMN rate_limit_per_hour INTEGER;
ALTER TABLE api_configurations ADD COLUMN timeout_seconds INTEGER;
ALTER TABLE api_configurations ADD COLUMN retry_attempts INTEGER;
ALTER TABLE api_configurations ADD COLUMN retry_backoff_ms INTEGER;
ALTER TABLE api_configurations ADD COLUMN circuit_breaker_threshold INTEGER;
ALTER TABLE api_configurations ADD COLUMN circuit_breaker_timeout_ms INTEGER;
ALTER TABLE api_configurations ADD COLUMN circuit_breaker_enabled INTEGER;
)sql";

/* An event stays when its integration goes. The counter is a row of its own: a number is given once, whatever went. */
const char k_events[] = R"sql(
CREATE TABLE event_sequences (
  tenant_id TEXT NOT NULL PRIMARY KEY REFERENCES tenants,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  tenant_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  config_id TEXT NOT NULL,  -- empty: none
  type TEXT NOT NULL,
  data_json TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  UNIQUE (tenant_id, sequence)
) STRICT;
)sql";

/* What an integration sent, and which hosts were down. */
const char k_calls[] = R"sql(
CREATE TABLE rate_limit_tracking (
  config_no INTEGER NOT NULL REFERENCES api_configurations ON DELETE CASCADE,
  time_window_ms INTEGER NOT NULL,
  window_type TEXT NOT NULL,
  request_count INTEGER NOT NULL,
  quota_limit INTEGER NOT NULL,
  quota_remaining INTEGER,
  quota_reset_at_ms INTEGER,
  last_request_at_ms INTEGER NOT NULL,
  PRIMARY KEY (config_no, time_window_ms, window_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE rate_limit_learned (
  config_no INTEGER PRIMARY KEY REFERENCES api_configurations ON DELETE CASCADE,
  learned_json TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE circuit_breaker_status (
  config_no INTEGER NOT NULL REFERENCES api_configurations ON DELETE CASCADE,
  host TEXT NOT NULL,
  current_state TEXT NOT NULL,
  failure_count INTEGER NOT NULL,
  success_count INTEGER NOT NULL,
  consecutive_failures INTEGER NOT NULL,
  consecutive_successes INTEGER NOT NULL,
  last_failure_at_ms INTEGER,
  last_success_at_ms INTEGER,
  next_attempt_at_ms INTEGER,
  state_changed_at_ms INTEGER NOT NULL,
  PRIMARY KEY (config_no, host)
) STRICT, WITHOUT ROWID;
)sql";

/* `bytes` is what an entry counts; their sum is cache_sizes, kept up to date by every write: adding up all entries for each
 * put would read an index of some hundred thousand. */
const char k_cache[] = R"sql(
CREATE TABLE cache_sizes (
  config_no INTEGER PRIMARY KEY REFERENCES api_configurations ON DELETE CASCADE,
  bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE cache_entries (
  entry_no INTEGER PRIMARY KEY,
  config_no INTEGER NOT NULL REFERENCES api_configurations ON DELETE CASCADE,
  key TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  value BLOB NOT NULL,
  UNIQUE (config_no, key)
) STRICT;
CREATE INDEX cache_entries_by_expiry ON cache_entries (expires_at_ms);
CREATE INDEX cache_entries_of_config_by_expiry ON cache_entries (config_no, expires_at_ms);
)sql";

}  // namespace tomada::store::sqlite
