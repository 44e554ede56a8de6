#include "host/store/sqlite/integration_rows.hpp"

namespace tomada::store::sqlite {

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
          .version = row.integer(12)};
}

std::vector<Integration> read_integrations(Statement& query) {
  std::vector<Integration> integrations;
  while (query.step()) integrations.push_back(read_integration(query));
  return integrations;
}

}  // namespace tomada::store::sqlite
