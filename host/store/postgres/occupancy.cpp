#include "host/store/postgres/occupancy.hpp"

#include "host/store/postgres/schema.hpp"

namespace tomada::store::postgres {
namespace {

const std::string k_number = std::to_string(k_occupancy_lock);

bool is_true(const Rows& rows) { return !rows.empty() && rows.front().boolean(0); }

}  // namespace

const std::string& shared_lock_statement() {
  static const std::string statement = "SELECT pg_try_advisory_lock_shared(" + k_number + ")";
  return statement;
}

Result<void> enter_as_host(Connection& connection, const std::string& shown_address) {
  const bool locked = is_true(connection.execute(shared_lock_statement()));
  TOMADA_TRY(connection.take_result());
  if (!locked)
    return fail(Errc::unavailable,
                "a copy into this database runs (tomada store copy); start the host when it is complete");
  const Rows unfinished =
      connection.execute("SELECT source FROM integrations.store_copy WHERE table_name = '' AND state <> 'complete'");
  TOMADA_TRY(connection.take_result());
  if (unfinished.empty()) return {};
  return fail(Errc::conflict, "the copy of another store into this database is not complete; go on with it: tomada store "
                              "copy --from sqlite:" + unfinished.front().text(0) + " --to " + shown_address);
}

Result<void> enter_alone(Connection& connection) {
  const bool locked = is_true(connection.execute("SELECT pg_try_advisory_lock(" + k_number + ")"));
  TOMADA_TRY(connection.take_result());
  if (locked) return {};
  const Rows holders = connection.execute(
      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ShareLock'"
      " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
      " AND (classid::bigint << 32 | objid::bigint) = " + k_number);
  TOMADA_TRY(connection.take_result());
  const std::int64_t hosts_count = holders.empty() ? 0 : holders.front().integer(0);
  if (hosts_count == 0) return fail(Errc::unavailable, "another copy into this database runs");
  return fail(Errc::unavailable, "a host runs on this database; stop every host that uses it first");
}

}  // namespace tomada::store::postgres
