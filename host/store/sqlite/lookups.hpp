// Questions that several parts ask inside their transaction. Each takes the tenant.
#pragma once

#include "host/store/events.hpp"
#include "host/store/sqlite/connection.hpp"

namespace tomada::store::sqlite {

/// NOT_FOUND: no such integration for this tenant.
Result<std::int64_t> find_config_no(Connection& connection, std::string_view tenant_id, std::string_view config_id);

/// CONFLICT unless `fencing_token` is that of the running lease on the sync's job. 0: not checked.
Result<void> check_fence(Connection& connection, std::string_view tenant_id, std::string_view sync_id,
                         std::int64_t fencing_token);

/// One value of plugin_values. INVALID_DATA: over a limit of store/values.hpp.
Result<void> put_value(Connection& connection, std::int64_t config_no, std::string_view key, std::string_view value);
void remove_value(Connection& connection, std::int64_t config_no, std::string_view key);

/// As Events::append, of this tenant; what it checks was checked.
Result<std::int64_t> append_event(Connection& connection, std::string_view tenant_id, const Event& event);

}  // namespace tomada::store::sqlite
