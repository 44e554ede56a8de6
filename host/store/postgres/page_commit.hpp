// Applies one page of record changes inside a transaction.
#pragma once

#include "host/store/postgres/connection.hpp"
#include "host/store/records.hpp"

namespace tomada::store::postgres {

/// As Records::commit. After an error the transaction must not be committed. Locks, in this order: the sync's job
/// (FOR SHARE, with a fencing token), the integration's record_sequences, then rows of records.
Result<PageOutcome> commit_page(Connection& connection, const Page& page);

}  // namespace tomada::store::postgres
