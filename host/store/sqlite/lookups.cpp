#include "host/store/sqlite/lookups.hpp"

namespace tomada::store::sqlite {

Result<std::int64_t> find_config_no(Connection& connection, std::string_view tenant_id, std::string_view config_id) {
  auto query = connection.prepare("SELECT config_no FROM api_configurations WHERE tenant_id = ?1 AND config_id = ?2");
  if (query.first(tenant_id, config_id)) return query.integer(0);
  return fail(Errc::not_found, "there is no integration " + std::string(config_id));
}

Result<void> check_fence(Connection& connection, std::string_view tenant_id, std::string_view sync_id,
                         std::int64_t fencing_token) {
  if (fencing_token == 0) return {};
  auto query = connection.prepare(
      "SELECT 1 FROM jobs WHERE sync_id = ?1 AND tenant_id = ?2 AND status = 'running' AND fencing_token = ?3");
  if (query.first(sync_id, tenant_id, fencing_token)) return {};
  return fail(Errc::conflict, "the lease on the job of sync " + std::string(sync_id) + " is lost");
}

}  // namespace tomada::store::sqlite
