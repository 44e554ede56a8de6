#include "host/store/sqlite/integration_rows.hpp"

namespace tomada::store::sqlite {
namespace {

CallLimits read_limits(const Statement& row) {
  CallLimits limits{.rate_limit_per_minute = row.optional_integer(16),
                    .rate_limit_per_hour = row.optional_integer(17),
                    .timeout_seconds = row.optional_integer(18),
                    .retry_attempts = row.optional_integer(19),
                    .retry_backoff_ms = row.optional_integer(20),
                    .circuit_breaker_threshold = row.optional_integer(21),
                    .circuit_breaker_timeout_ms = row.optional_integer(22),
                    .circuit_breaker_enabled = std::nullopt};
  if (const auto enabled = row.optional_integer(23)) limits.circuit_breaker_enabled = *enabled != 0;
  return limits;
}

}  // namespace

Integration read_integration(const Statement& row) {
  return {.config_id = row.text(0),
          .tenant_id = row.text(1),
          .integration_name = row.text(2),
          .provider_name = row.text(3),
          .config_json = row.text(4),
          .sealed_credentials = row.text(5),
          .is_enabled = row.integer(6) != 0,
          .health_status = row.text(7),
          .connection_status = row.text(8),
          .last_sync_at_ms = row.optional_integer(9),
          .created_at_ms = row.integer(10),
          .updated_at_ms = row.integer(11),
          .app_id = row.text(13),
          .account_id = row.text(14),
          .allow_legacy = row.integer(15) != 0,
          .version = row.integer(12),
          .limits = read_limits(row)};
}

std::vector<Integration> read_integrations(Statement& query) {
  std::vector<Integration> integrations;
  while (query.step()) integrations.push_back(read_integration(query));
  return integrations;
}

}  // namespace tomada::store::sqlite
