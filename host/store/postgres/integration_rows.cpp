#include "host/store/postgres/integration_rows.hpp"

namespace tomada::store::postgres {

Integration read_integration(const Row& row) {
  return {.config_id = row.text(0),
          .tenant_id = row.text(1),
          .integration_name = row.text(2),
          .provider_name = row.text(3),
          .config_json = row.text(4),
          .sealed_credentials = row.bytes(5),
          .is_enabled = row.boolean(6),
          .health_status = row.text(7),
          .connection_status = row.text(8),
          .last_sync_at_ms = row.optional_integer(9),
          .created_at_ms = row.integer(10),
          .updated_at_ms = row.integer(11),
          .app_id = row.text(13),
          .account_id = row.text(14),
          .allow_legacy = row.boolean(15),
          .version = row.integer(12)};
}

std::vector<Integration> read_integrations(const Rows& rows) {
  std::vector<Integration> integrations;
  integrations.reserve(rows.size());
  for (const Row row : rows) integrations.push_back(read_integration(row));
  return integrations;
}

}  // namespace tomada::store::postgres
