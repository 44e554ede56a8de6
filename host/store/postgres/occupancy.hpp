// Who has the database: any number of hosts, or one copy (store/copy/).
#pragma once

#include "host/store/postgres/connection.hpp"

#include <string>

namespace tomada::store::postgres {

/// A host comes: holds the lock with other hosts for as long as the connection lives. After migrate().
/// UNAVAILABLE: a copy into the database runs. CONFLICT: one is not complete; the message has the command that goes on.
Result<void> enter_as_host(Connection& connection, const std::string& shown_address);

/// The same for nobody else. UNAVAILABLE: hosts, or another copy, have it. Before migrate().
Result<void> enter_alone(Connection& connection);

/// For the listener, which keeps the host's lock and asks libpq itself; one row, true: it has it.
const std::string& shared_lock_statement();

}  // namespace tomada::store::postgres
