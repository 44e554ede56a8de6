// What belongs to the calls that integrations make: their limits.
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

}  // namespace tomada::store::sqlite
