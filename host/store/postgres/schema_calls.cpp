// What belongs to the calls that integrations make: their limits, breakers and cache, and the events that follow from them.
#include "host/store/postgres/schema_scripts.hpp"

// As k_policies does it.
#define TOMADA_TENANTS_ONLY(table)                                                                     \
  "ALTER TABLE integrations." table " ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"           \
  "CREATE POLICY of_tenant ON integrations." table " USING ((SELECT integrations.is_host())"          \
  " OR tenant_id = (SELECT integrations.current_tenant()));"

namespace tomada::store::postgres {

/* The users' columns have 32 bits; the host counts with 64. NULL means that somebody else's word counts: nobody could set one
 * before, what stands there are the columns' defaults. */
const char k_call_limits[] = R"sql(
ALTER TABLE integrations.api_configurations
  ALTER COLUMN rate_limit_per_minute TYPE bigint,
  ALTER COLUMN rate_limit_per_hour TYPE bigint,
  ALTER COLUMN timeout_seconds TYPE bigint,
  ALTER COLUMN retry_attempts TYPE bigint,
  ALTER COLUMN retry_backoff_ms TYPE bigint,
  ALTER COLUMN circuit_breaker_threshold TYPE bigint,
  ALTER COLUMN circuit_breaker_timeout_ms TYPE bigint;
SELECT set_config('tomada.tenant_id', '*', true);
UPDATE integrations.api_configurations SET rate_limit_per_minute = NULL, rate_limit_per_hour = NULL, timeout_seconds = NULL,
  retry_attempts = NULL, retry_backoff_ms = NULL, circuit_breaker_enabled = NULL, circuit_breaker_threshold = NULL,
  circuit_breaker_timeout_ms = NULL;
)sql";

/* An event stays when its integration goes. Whoever appends locks the tenant's counter until the commit, so numbers appear in
 * their order. */
const char k_events[] = R"sql(
CREATE TABLE integrations.event_sequences (
  tenant_id uuid PRIMARY KEY REFERENCES integrations.tenants,
  last bigint NOT NULL
);
CREATE TABLE integrations.events (
  tenant_id uuid NOT NULL,
  sequence bigint NOT NULL,
  config_id uuid,
  type text NOT NULL,
  data_json text NOT NULL,
  created_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, sequence)
);
)sql" TOMADA_TENANTS_ONLY("event_sequences") TOMADA_TENANTS_ONLY("events");

/* Here, too, 64 bits. A breaker is one of an integration and a host now. In calculate_integration_metrics an integration's
 * breakers show as the worst of them, and a window without a known limit is none that was hit. */
const char k_calls[] = R"sql(
ALTER TABLE integrations.rate_limit_tracking
  ALTER COLUMN request_count TYPE bigint,
  ALTER COLUMN quota_limit TYPE bigint,
  ALTER COLUMN quota_remaining TYPE bigint;
ALTER TABLE integrations.circuit_breaker_status
  ALTER COLUMN failure_count TYPE bigint,
  ALTER COLUMN success_count TYPE bigint,
  ALTER COLUMN consecutive_failures TYPE bigint,
  ALTER COLUMN consecutive_successes TYPE bigint,
  ADD COLUMN host text NOT NULL DEFAULT '',
  DROP CONSTRAINT circuit_breaker_status_config_id_key,
  ADD UNIQUE (config_id, host);

CREATE TABLE integrations.rate_limit_learned (
  config_id uuid PRIMARY KEY REFERENCES integrations.api_configurations ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  learned_json text NOT NULL,
  updated_at_ms bigint NOT NULL
);

CREATE OR REPLACE FUNCTION integrations.calculate_integration_metrics(p_tenant_id uuid, p_hours integer DEFAULT 24)
RETURNS TABLE (
  integration_name varchar(100),
  total_requests bigint,
  successful_requests bigint,
  failed_requests bigint,
  success_rate decimal(5, 2),
  avg_response_time_ms decimal(12, 2),
  p95_response_time_ms decimal(12, 2),
  circuit_breaker_state varchar(20),
  rate_limit_hits bigint,
  last_sync timestamptz
) LANGUAGE sql STABLE AS $$
  SELECT c.integration_name, s.total, s.successful, s.failed,
    round(100.0 * s.successful / nullif(s.total, 0), 2), round(s.average, 2), round(s.p95::numeric, 2),
    coalesce(b.current_state, 'unknown'), r.hits, s.last_sync
  FROM integrations.api_configurations c
  CROSS JOIN LATERAL (
    SELECT count(*) AS total,
      count(*) FILTER (WHERE o.operation_status = 'completed') AS successful,
      count(*) FILTER (WHERE o.operation_status = 'failed') AS failed,
      avg(o.response_time_ms) AS average,
      percentile_cont(0.95) WITHIN GROUP (ORDER BY o.response_time_ms) AS p95,
      max(o.completed_at) AS last_sync
    FROM integrations.sync_operations o
    WHERE o.config_id = c.config_id AND o.tenant_id = p_tenant_id AND o.created_at >= now() - make_interval(hours => p_hours)
  ) s
  CROSS JOIN LATERAL (
    SELECT count(*) AS hits FROM integrations.rate_limit_tracking t
    WHERE t.config_id = c.config_id AND t.tenant_id = p_tenant_id AND t.quota_limit > 0
      AND t.request_count >= t.quota_limit AND t.time_window >= now() - make_interval(hours => p_hours)
  ) r
  LEFT JOIN LATERAL (
    SELECT w.current_state FROM integrations.circuit_breaker_status w
    WHERE w.config_id = c.config_id AND w.tenant_id = p_tenant_id
    ORDER BY CASE w.current_state WHEN 'open' THEN 0 WHEN 'half_open' THEN 1 ELSE 2 END LIMIT 1
  ) b ON true
  WHERE c.tenant_id = p_tenant_id
  ORDER BY c.integration_name, c.config_id
$$;
)sql" TOMADA_TENANTS_ONLY("rate_limit_learned");

/* `bytes` is what an entry counts; their sum is cache_sizes, kept up to date by every write, which locks it first: adding up
 * all entries for each put would read an index of some hundred thousand. UNLOGGED: both are empty after a crash of the
 * server, which a cache may be, and values are not written twice. The first table's rows go first with an integration, so
 * that a removal locks in the same order as everybody. */
const char k_cache[] = R"sql(
CREATE UNLOGGED TABLE integrations.cache_sizes (
  config_id uuid PRIMARY KEY REFERENCES integrations.api_configurations ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  bytes bigint NOT NULL
);
CREATE UNLOGGED TABLE integrations.cache_entries (
  config_id uuid NOT NULL REFERENCES integrations.api_configurations ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  key bytea NOT NULL,
  expires_at_ms bigint NOT NULL,
  bytes bigint NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (config_id, key)
);
CREATE INDEX cache_entries_by_expiry ON integrations.cache_entries (expires_at_ms);
CREATE INDEX cache_entries_of_config_by_expiry ON integrations.cache_entries (config_id, expires_at_ms, key);
)sql" TOMADA_TENANTS_ONLY("cache_sizes") TOMADA_TENANTS_ONLY("cache_entries");

}  // namespace tomada::store::postgres
