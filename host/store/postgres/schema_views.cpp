#include "host/store/postgres/schema_scripts.hpp"

namespace tomada::store::postgres {

const char k_views[] = R"sql(
CREATE FUNCTION integrations.to_payload(body bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN convert_from(body, 'UTF8')::jsonb;
EXCEPTION WHEN others THEN  -- no JSON (a form), or not what jsonb can hold
  RETURN to_jsonb(encode(body, 'escape'));
END $$;

CREATE FUNCTION integrations.to_headers(headers bytea) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN (
  SELECT coalesce(jsonb_object_agg(split_part(line, ': ', 1), substr(line, strpos(line, ': ') + 2)), '{}')
  FROM regexp_split_to_table(encode(headers, 'escape'), '\n') AS line WHERE strpos(line, ': ') > 0);

-- The users' table, as a view: the bodies stand in webhook_payloads, as they came.
CREATE VIEW integrations.webhook_events AS
SELECT
  (lpad(to_hex(l.webhook_id), 16, '0') || '8000000000000000')::uuid AS event_id,
  l.tenant_id,
  l.config_id,
  coalesce(c.provider_name, a.provider_name, '')::varchar(100) AS webhook_source,
  l.event_type,
  integrations.to_payload(p.body) AS event_payload,
  NULL::varchar(255) AS event_signature,  -- not kept: with the body it could be used again
  l.signature_verified,
  l.processing_status,
  l.processing_attempts::integer AS processing_attempts,
  6 AS max_processing_attempts,
  integrations.at(l.next_processing_at_ms) AS next_processing_at,
  integrations.at(l.processed_at_ms) AS processed_at,
  l.processing_error,
  l.event_id AS idempotency_key,
  CASE WHEN l.source_ip ~ '^[0-9a-fA-F:.]+$' THEN l.source_ip::inet END AS source_ip,
  integrations.to_headers(p.headers) ->> 'User-Agent' AS user_agent,
  integrations.to_headers(p.headers) AS headers,
  integrations.at(l.received_at_ms) AS created_at,
  l.webhook_id,
  l.app_id,
  l.subject,
  l.error_code,
  l.body_bytes
FROM integrations.webhook_log l
LEFT JOIN integrations.webhook_payloads p USING (webhook_id)
LEFT JOIN integrations.api_configurations c ON c.config_id = l.config_id
LEFT JOIN integrations.apps a ON a.app_id = l.app_id;

-- One row for each integration. The draft joined the three tables with each other, so each count was multiplied by the
-- rows of the others; here each is counted by itself. "unknown": no breaker has a state yet.
CREATE FUNCTION integrations.calculate_integration_metrics(p_tenant_id uuid, p_hours integer DEFAULT 24)
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
    WHERE t.config_id = c.config_id AND t.tenant_id = p_tenant_id AND t.request_count >= t.quota_limit
      AND t.time_window >= now() - make_interval(hours => p_hours)
  ) r
  LEFT JOIN integrations.circuit_breaker_status b ON b.config_id = c.config_id
  WHERE c.tenant_id = p_tenant_id
  ORDER BY c.integration_name, c.config_id
$$
)sql";

}  // namespace tomada::store::postgres
