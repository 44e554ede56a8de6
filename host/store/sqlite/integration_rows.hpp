// Rows of api_configurations as the parts of the store read them.
#pragma once

#include "host/store/integrations.hpp"
#include "host/store/sqlite/connection.hpp"

#include <vector>

#define TOMADA_INTEGRATION_COLUMNS                                                                        \
  "config_id, tenant_id, integration_name, provider_name, config_json, sealed_credentials, is_enabled, " \
  "health_status, connection_status, last_sync_at_ms, created_at_ms, updated_at_ms, version, app_id, "   \
  "account_id, allow_legacy, rate_limit_per_minute, rate_limit_per_hour, timeout_seconds, "              \
  "retry_attempts, retry_backoff_ms, circuit_breaker_threshold, circuit_breaker_timeout_ms, "            \
  "circuit_breaker_enabled"

namespace tomada::store::sqlite {

/// Of a query for TOMADA_INTEGRATION_COLUMNS.
Integration read_integration(const Statement& row);
/// What is left of it.
std::vector<Integration> read_integrations(Statement& query);

}  // namespace tomada::store::sqlite
