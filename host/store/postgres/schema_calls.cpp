// What belongs to the calls that integrations make: their limits.
#include "host/store/postgres/schema_scripts.hpp"

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

}  // namespace tomada::store::postgres
