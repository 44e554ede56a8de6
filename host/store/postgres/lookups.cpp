#include "host/store/postgres/lookups.hpp"

namespace tomada::store::postgres {

Result<void> require_integration(Connection& connection, std::string_view tenant_id, std::string_view config_id) {
  if (!connection
           .query("SELECT 1 FROM integrations.api_configurations WHERE tenant_id = $1 AND config_id = $2 FOR KEY SHARE",
                  tenant_id, config_id)
           .empty())
    return {};
  return fail(Errc::not_found, "there is no integration " + std::string(config_id));
}

Result<void> check_fence(Connection& connection, std::string_view tenant_id, std::string_view sync_id,
                         std::int64_t fencing_token) {
  if (fencing_token == 0) return {};
  if (!connection
           .query("SELECT 1 FROM integrations.jobs WHERE sync_id = $1 AND tenant_id = $2 AND status = 'running'"
                  " AND fencing_token = $3 FOR SHARE",
                  sync_id, tenant_id, fencing_token)
           .empty())
    return {};
  return fail(Errc::conflict, "the lease on the job of sync " + std::string(sync_id) + " is lost");
}

}  // namespace tomada::store::postgres
