// What several parts ask or do inside their transaction. Each takes the tenant.
#pragma once

#include "host/store/events.hpp"
#include "host/store/postgres/connection.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tomada::store::postgres {

/// NOT_FOUND: no such integration for this tenant. It cannot be removed before the transaction ends (FOR KEY SHARE).
Result<void> require_integration(Connection& connection, std::string_view tenant_id, std::string_view config_id);

/// CONFLICT unless `fencing_token` is that of the running lease on the sync's job, which nobody takes before the
/// transaction ends (FOR SHARE). 0: not checked.
Result<void> check_fence(Connection& connection, std::string_view tenant_id, std::string_view sync_id,
                         std::int64_t fencing_token);

/// A key of plugin_values and its new value; nullopt: removed.
using Value = std::pair<std::string, std::optional<std::string>>;
/// All of them, of a key named twice the last; the integration must exist. INVALID_DATA: over a limit of
/// store/values.hpp; then the transaction must not be committed.
Result<void> put_values(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                        std::span<const Value> values);

/// As Events::append, of this tenant; what it checks was checked. Locks the tenant's counter until the transaction ends, so
/// that numbers appear in their order: do it last, and wait for no other lock after it.
Result<std::int64_t> append_event(Connection& connection, std::string_view tenant_id, const Event& event);

}  // namespace tomada::store::postgres
