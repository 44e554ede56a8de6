#include "host/store/postgres/schema.hpp"

#include "host/store/postgres/schema_scripts.hpp"

#include <array>

namespace tomada::store::postgres {
namespace {

/* Two kinds of tables:
 * - those that the users know (api_configurations, sync_operations, rate_limit_tracking, circuit_breaker_status, and the
 *   view webhook_events) have all the columns of their schema, with timestamps as such, and ours beside them;
 * - those that are ours alone keep times as the host counts them, in milliseconds, and say so in the column's name.
 * Every table with a tenant has a tenant_id and a policy (see k_policies); integrations.at() and integrations.ms() turn
 * milliseconds into timestamps and back. */
constexpr const char* k_tables = R"sql(
CREATE SCHEMA IF NOT EXISTS integrations;

CREATE TABLE integrations.schema_migrations (
  version bigint PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION integrations.at(ms bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN to_timestamp(ms / 1000.0::double precision);
CREATE FUNCTION integrations.ms(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN round(extract(epoch FROM at) * 1000)::bigint;

CREATE TABLE integrations.tenants (
  tenant_id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL
);

CREATE TABLE integrations.api_keys (
  key_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES integrations.tenants,
  role text NOT NULL,
  key_sha256 text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL
);
CREATE INDEX api_keys_by_tenant ON integrations.api_keys (tenant_id);

CREATE TABLE integrations.allowed_plugins (
  tenant_id uuid NOT NULL REFERENCES integrations.tenants,
  plugin_id text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, plugin_id)
);

CREATE TABLE integrations.tenant_keys (
  tenant_id uuid PRIMARY KEY REFERENCES integrations.tenants,
  wrapped_key bytea NOT NULL
);

CREATE TABLE integrations.apps (
  app_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES integrations.tenants,
  app_name text NOT NULL,
  provider_name text NOT NULL,
  sealed_credentials bytea NOT NULL,
  is_shared boolean NOT NULL,
  is_enabled boolean NOT NULL,
  allow_legacy boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version bigint NOT NULL
);
CREATE INDEX apps_by_tenant ON integrations.apps (tenant_id, app_id);
CREATE INDEX apps_shared ON integrations.apps (app_id) WHERE is_shared;

CREATE TABLE integrations.api_configurations (
  config_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES integrations.tenants,
  integration_name varchar(100) NOT NULL,
  integration_type varchar(50) NOT NULL DEFAULT 'bidirectional',
  provider_name varchar(100) NOT NULL,
  base_url text NOT NULL DEFAULT '',
  api_version varchar(20),
  authentication_type varchar(50) NOT NULL DEFAULT '',
  credential_reference varchar(255),
  rate_limit_per_minute integer DEFAULT 60,
  rate_limit_per_hour integer DEFAULT 1000,
  timeout_seconds integer DEFAULT 30,
  retry_attempts integer DEFAULT 3,
  retry_backoff_ms integer DEFAULT 1000,
  circuit_breaker_enabled boolean DEFAULT true,
  circuit_breaker_threshold integer DEFAULT 5,
  circuit_breaker_timeout_ms integer DEFAULT 60000,
  webhook_url text,
  webhook_secret varchar(255) CHECK (webhook_secret IS NULL),  -- a secret is in sealed_credentials, encrypted
  webhook_events text[],
  sync_direction varchar(20) DEFAULT 'inbound',
  data_mapping jsonb,
  transformation_rules jsonb,
  is_enabled boolean NOT NULL DEFAULT true,
  health_check_url text,
  health_check_interval_minutes integer DEFAULT 15,
  last_health_check timestamptz,
  health_status varchar(20) NOT NULL DEFAULT 'unknown',
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- ours
  config_json json NOT NULL,  -- the text as it was given
  sealed_credentials bytea NOT NULL,
  connection_status text NOT NULL,
  last_sync_at timestamptz,
  app_id uuid REFERENCES integrations.apps,
  account_id text NOT NULL DEFAULT '',
  allow_legacy boolean NOT NULL DEFAULT false,
  version bigint NOT NULL
);
CREATE INDEX idx_api_configs_tenant_enabled ON integrations.api_configurations (tenant_id, is_enabled);
CREATE INDEX api_configurations_by_tenant ON integrations.api_configurations (tenant_id, config_id);
CREATE INDEX api_configurations_by_provider ON integrations.api_configurations (tenant_id, provider_name, config_id);
CREATE INDEX api_configurations_by_app ON integrations.api_configurations (app_id, account_id) WHERE app_id IS NOT NULL;

CREATE TABLE integrations.sync_operations (
  sync_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL,
  config_id uuid NOT NULL REFERENCES integrations.api_configurations ON DELETE CASCADE,
  operation_type varchar(50) NOT NULL DEFAULT 'sync',
  entity_type varchar(100) NOT NULL,
  external_entity_id varchar(255),
  internal_entity_id uuid,
  sync_direction varchar(20) NOT NULL DEFAULT 'inbound',
  operation_status varchar(20) NOT NULL DEFAULT 'pending',
  records_processed bigint NOT NULL DEFAULT 0,
  records_successful bigint NOT NULL DEFAULT 0,
  records_failed bigint NOT NULL DEFAULT 0,
  batch_size integer,
  started_at timestamptz,
  completed_at timestamptz,
  next_retry_at timestamptz,
  retry_count bigint NOT NULL DEFAULT 0,
  error_message text NOT NULL DEFAULT '',
  error_stack text,
  request_payload jsonb,
  response_payload jsonb,
  response_status_code integer,
  response_time_ms bigint,  -- from started_at to completed_at
  external_reference varchar(255),
  sync_metadata jsonb,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- ours
  mode text NOT NULL,
  records_changed bigint NOT NULL DEFAULT 0,
  records_deleted bigint NOT NULL DEFAULT 0,
  progress_current bigint NOT NULL DEFAULT 0,
  progress_total bigint NOT NULL DEFAULT 0,
  error_code text NOT NULL DEFAULT '',
  current_entity text NOT NULL DEFAULT '',
  generation bigint NOT NULL DEFAULT 0,
  cursor text NOT NULL DEFAULT '',
  entities_done json NOT NULL DEFAULT '[]'
);
CREATE INDEX idx_sync_operations_config_status ON integrations.sync_operations (config_id, operation_status);
CREATE INDEX idx_sync_operations_tenant_date ON integrations.sync_operations (tenant_id, created_at DESC);
CREATE INDEX sync_operations_by_config ON integrations.sync_operations (config_id, sync_id);
CREATE UNIQUE INDEX sync_operations_open ON integrations.sync_operations (config_id)
  WHERE operation_status IN ('pending', 'processing');

CREATE TABLE integrations.rate_limit_tracking (
  tracking_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL,
  config_id uuid NOT NULL REFERENCES integrations.api_configurations ON DELETE CASCADE,
  time_window timestamptz NOT NULL,
  window_type varchar(10) NOT NULL,
  request_count integer DEFAULT 1,
  quota_limit integer NOT NULL,
  quota_remaining integer,
  quota_reset_at timestamptz,
  last_request_at timestamptz DEFAULT CURRENT_TIMESTAMP,
  created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (config_id, time_window, window_type)
);

CREATE TABLE integrations.circuit_breaker_status (
  breaker_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL,
  config_id uuid NOT NULL REFERENCES integrations.api_configurations ON DELETE CASCADE,
  current_state varchar(20) DEFAULT 'closed',
  failure_count integer DEFAULT 0,
  success_count integer DEFAULT 0,
  last_failure_at timestamptz,
  last_success_at timestamptz,
  state_changed_at timestamptz DEFAULT CURRENT_TIMESTAMP,
  next_attempt_at timestamptz,
  consecutive_failures integer DEFAULT 0,
  consecutive_successes integer DEFAULT 0,
  created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (config_id)
);

CREATE TABLE integrations.jobs (
  job_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  config_id uuid NOT NULL REFERENCES integrations.api_configurations ON DELETE CASCADE,
  sync_id uuid,  -- of kind "sync"
  kind text NOT NULL,
  payload_json text NOT NULL,
  status text NOT NULL DEFAULT 'waiting',  -- waiting | running | dead
  due_at_ms bigint NOT NULL,
  lease_until_ms bigint,  -- while running
  attempts bigint NOT NULL DEFAULT 0,
  fencing_token bigint NOT NULL DEFAULT 0,
  error_code text NOT NULL DEFAULT '',
  error_message text NOT NULL DEFAULT '',
  created_at_ms bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
-- Leases begin at the oldest end of jobs_waiting, where the entries of jobs that ended are: vacuum takes them soon.
CREATE INDEX jobs_waiting ON integrations.jobs (due_at_ms, job_id) WHERE status = 'waiting';
CREATE INDEX jobs_dead ON integrations.jobs (job_id) WHERE status = 'dead';
CREATE INDEX jobs_leases ON integrations.jobs (lease_until_ms) WHERE status = 'running';
CREATE UNIQUE INDEX jobs_running ON integrations.jobs (config_id, kind) WHERE status = 'running';
CREATE INDEX jobs_by_config ON integrations.jobs (config_id);
CREATE INDEX jobs_by_sync ON integrations.jobs (sync_id) WHERE sync_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_of_webhooks ON integrations.jobs (config_id) WHERE kind = 'webhook';

CREATE TABLE integrations.plugin_values (
  config_id uuid NOT NULL REFERENCES integrations.api_configurations ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (config_id, key)
);

-- records and record_keys are one thing in two tables. The first is the change order: a change gives a record the next
-- sequence of its integration. The second finds a record and says when a full run last saw it; it is narrow, so a full
-- run over unchanged records writes a few dozen bytes for each.
CREATE TABLE integrations.sync_state (
  entity_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- short name of (integration, entity)
  tenant_id uuid NOT NULL,
  config_id uuid NOT NULL REFERENCES integrations.api_configurations ON DELETE CASCADE,
  entity text NOT NULL,
  generation bigint NOT NULL DEFAULT 0,
  since text NOT NULL DEFAULT '',
  live_count bigint NOT NULL DEFAULT 0,
  UNIQUE (config_id, entity)
);
CREATE TABLE integrations.record_sequences (  -- locked by whoever commits a page: so sequences appear in their order
  config_id uuid PRIMARY KEY REFERENCES integrations.api_configurations ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  last bigint NOT NULL
);
CREATE TABLE integrations.records (
  tenant_id uuid NOT NULL,
  config_id uuid NOT NULL,
  sequence bigint NOT NULL,
  entity_no bigint NOT NULL,
  external_id text NOT NULL,
  data json NOT NULL,  -- canonical text
  updated_at_ms bigint NOT NULL,
  deleted boolean NOT NULL,
  version bigint NOT NULL,
  source text NOT NULL,
  plugin_version text NOT NULL,
  PRIMARY KEY (config_id, sequence)
);
CREATE TABLE integrations.record_keys (
  tenant_id uuid NOT NULL,
  entity_no bigint NOT NULL,
  external_id text NOT NULL,
  sequence bigint NOT NULL,
  generation bigint NOT NULL,
  deleted boolean NOT NULL,
  PRIMARY KEY (entity_no, external_id)
) WITH (fillfactor = 80);

-- webhook_log is the log and the queue: an open event (pending or in hand) has a next_processing_at_ms, a finished one has
-- none. webhook_keys knows what was stored before by 16 bytes of a hash, and outlives the event. config_id NULL: an
-- account that no integration has.
CREATE TABLE integrations.webhook_log (
  webhook_id bigint PRIMARY KEY,  -- grows with time
  tenant_id uuid NOT NULL,
  config_id uuid,
  app_id uuid,
  event_id text NOT NULL,
  event_type text NOT NULL,
  subject text NOT NULL,
  subject_key bigint GENERATED ALWAYS AS  -- a subject may be too long for an index
    (CASE WHEN subject <> '' THEN hashtextextended(subject, uuid_hash_extended(config_id, 0)) END) STORED,
  source_ip text NOT NULL,
  signature_verified boolean NOT NULL,
  processing_status text NOT NULL,
  processing_attempts bigint NOT NULL DEFAULT 0,
  next_processing_at_ms bigint,
  processed_at_ms bigint,
  error_code text NOT NULL DEFAULT '',
  processing_error text NOT NULL DEFAULT '',
  received_at_ms bigint NOT NULL,
  body_bytes bigint NOT NULL
);
CREATE INDEX webhook_log_by_config ON integrations.webhook_log (config_id, webhook_id);
CREATE INDEX webhook_log_by_app ON integrations.webhook_log (app_id, webhook_id) WHERE config_id IS NULL;
CREATE INDEX webhook_log_open ON integrations.webhook_log (config_id, next_processing_at_ms, webhook_id)
  WHERE next_processing_at_ms IS NOT NULL;
CREATE INDEX webhook_log_in_hand ON integrations.webhook_log (config_id, next_processing_at_ms)
  WHERE processing_status = 'processing';
CREATE INDEX webhook_log_by_subject ON integrations.webhook_log (subject_key, webhook_id)
  WHERE next_processing_at_ms IS NOT NULL;
CREATE INDEX webhook_log_failed ON integrations.webhook_log (config_id, signature_verified, webhook_id)
  WHERE processing_status = 'failed';

CREATE TABLE integrations.webhook_payloads (
  webhook_id bigint PRIMARY KEY,
  tenant_id uuid NOT NULL,
  headers bytea NOT NULL,
  body bytea NOT NULL
);
-- Bytes that came to webhook_payloads and went; their sum is its size (one row for all would let one intake in at a time).
CREATE TABLE integrations.webhook_payload_changes (bytes bigint NOT NULL);

CREATE TABLE integrations.webhook_keys (
  key uuid PRIMARY KEY,  -- 16 bytes of a hash of (integration or app, event_id)
  tenant_id uuid NOT NULL,
  webhook_id bigint NOT NULL
);

CREATE TABLE integrations.webhook_attempts (
  webhook_id bigint NOT NULL,
  attempt bigint NOT NULL,
  tenant_id uuid NOT NULL,
  started_at_ms bigint NOT NULL,
  duration_us bigint NOT NULL,
  error_code text NOT NULL,
  error_message text NOT NULL,
  PRIMARY KEY (webhook_id, attempt)
)
)sql";

/* The second wall: a statement that forgets the tenant still sees only the rows of the tenant whose transaction it runs
 * in (tomada.tenant_id, set when the transaction begins), and none when nobody set it. '*' is the host itself: the job
 * runner, the intake, the operator. FORCE, because the host is the tables' owner. Superusers are beyond all policies. */
constexpr const char* k_policies = R"sql(
CREATE FUNCTION integrations.is_host() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
  RETURN coalesce(current_setting('tomada.tenant_id', true), '') = '*';
CREATE FUNCTION integrations.current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN CASE WHEN coalesce(current_setting('tomada.tenant_id', true), '') IN ('', '*') THEN NULL
         ELSE current_setting('tomada.tenant_id', true)::uuid END;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['tenants', 'api_keys', 'allowed_plugins', 'tenant_keys', 'apps', 'api_configurations',
    'sync_operations', 'rate_limit_tracking', 'circuit_breaker_status', 'jobs', 'plugin_values', 'sync_state',
    'record_sequences', 'records', 'record_keys', 'webhook_log', 'webhook_payloads', 'webhook_keys', 'webhook_attempts']
  LOOP
    EXECUTE format('ALTER TABLE integrations.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE integrations.%I FORCE ROW LEVEL SECURITY', name);
    -- In sub-selects, so that the settings are read once for a statement and not for each row.
    EXECUTE format('CREATE POLICY of_tenant ON integrations.%I USING ((SELECT integrations.is_host())'
                   ' OR tenant_id = (SELECT integrations.current_tenant()))', name);
  END LOOP;
END $$;
CREATE POLICY shared ON integrations.apps FOR SELECT USING (is_shared AND (SELECT integrations.current_tenant()) IS NOT NULL)
)sql";

constexpr std::array k_migrations{Migration{1, "tables", k_tables}, Migration{2, "policies", k_policies},
                                  Migration{3, "views", k_views}, Migration{4, "store copy", k_store_copy},
                                  Migration{5, "plugins", k_plugins}, Migration{6, "approvals", k_approvals},
                                  Migration{7, "call limits", k_call_limits}, Migration{8, "events", k_events},
                                  Migration{9, "calls", k_calls}, Migration{10, "cache", k_cache}};

}  // namespace

std::span<const Migration> migrations() { return k_migrations; }

}  // namespace tomada::store::postgres
