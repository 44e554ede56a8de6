#include "host/store/breakers.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/parts.hpp"

namespace tomada::store::postgres {
namespace {

/// True: there was none of this host.
bool put_status(Connection& connection, const BreakerStatus& status) {
  // xmax is 0 in a row that was inserted and not replaced.
  const Rows rows = connection.query(
      "INSERT INTO integrations.circuit_breaker_status (tenant_id, config_id, host, current_state, failure_count,"
      " success_count, consecutive_failures, consecutive_successes, last_failure_at, last_success_at, next_attempt_at,"
      " state_changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, integrations.at($9), integrations.at($10),"
      " integrations.at($11), integrations.at($12))"
      " ON CONFLICT (config_id, host) DO UPDATE SET current_state = excluded.current_state,"
      " failure_count = excluded.failure_count, success_count = excluded.success_count,"
      " consecutive_failures = excluded.consecutive_failures, consecutive_successes = excluded.consecutive_successes,"
      " last_failure_at = excluded.last_failure_at, last_success_at = excluded.last_success_at,"
      " next_attempt_at = excluded.next_attempt_at, state_changed_at = excluded.state_changed_at,"
      " updated_at = CURRENT_TIMESTAMP RETURNING xmax = 0",
      status.tenant_id, status.config_id, status.host, status.current_state, status.failure_count, status.success_count,
      status.consecutive_failures, status.consecutive_successes, status.last_failure_at_ms, status.last_success_at_ms,
      status.next_attempt_at_ms, status.state_changed_at_ms);
  return !rows.empty() && rows.front().boolean(0);
}

/// Of the others, those stay that matter most: not closed, changed last.
void remove_beyond_limit(Connection& connection, const BreakerStatus& status) {
  connection.run("DELETE FROM integrations.circuit_breaker_status WHERE breaker_id IN (SELECT breaker_id"
                 " FROM integrations.circuit_breaker_status WHERE tenant_id = $1 AND config_id = $2 AND host <> $3"
                 " ORDER BY current_state = 'closed', state_changed_at DESC, host COLLATE \"C\" OFFSET $4)",
                 status.tenant_id, status.config_id, status.host, k_breaker_hosts_max - 1);
}

class PostgresBreakers final : public Breakers {
 public:
  explicit PostgresBreakers(Database& database) : database_(database) {}

  Result<void> save(runtime::Task& task, const BreakerStatus& status, const Event* event) override {
    TOMADA_TRY(check_status(status, event));
    return database_.write(task, status.tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_integration(connection, status.tenant_id, status.config_id));
      if (put_status(connection, status)) remove_beyond_limit(connection, status);
      if (event != nullptr) TOMADA_TRY(append_event(connection, status.tenant_id, *event));
      return {};
    });
  }

  Result<std::vector<BreakerStatus>> list(runtime::Task& task, std::string_view tenant_id,
                                          std::string_view config_id) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<BreakerStatus>> {
      std::vector<BreakerStatus> all;
      for (const Row row : connection.query(
               "SELECT host, current_state, failure_count, success_count, consecutive_failures, consecutive_successes,"
               " integrations.ms(last_failure_at), integrations.ms(last_success_at), integrations.ms(next_attempt_at),"
               " integrations.ms(state_changed_at) FROM integrations.circuit_breaker_status"
               " WHERE tenant_id = $1 AND config_id = $2 ORDER BY host COLLATE \"C\"",
               tenant_id, config_id))
        all.push_back({.tenant_id = std::string(tenant_id),
                       .config_id = std::string(config_id),
                       .host = row.text(0),
                       .current_state = row.text(1),
                       .failure_count = row.integer(2),
                       .success_count = row.integer(3),
                       .consecutive_failures = row.integer(4),
                       .consecutive_successes = row.integer(5),
                       .last_failure_at_ms = row.optional_integer(6),
                       .last_success_at_ms = row.optional_integer(7),
                       .next_attempt_at_ms = row.optional_integer(8),
                       .state_changed_at_ms = row.integer(9)});
      return all;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Breakers> make_breakers(Database& database) { return std::make_unique<PostgresBreakers>(database); }

}  // namespace tomada::store::postgres
