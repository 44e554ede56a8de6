#include "host/store/breakers.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {
namespace {

#define TOMADA_BREAKER_COLUMNS                                                                                     \
  "host, current_state, failure_count, success_count, consecutive_failures, consecutive_successes, "              \
  "last_failure_at_ms, last_success_at_ms, next_attempt_at_ms, state_changed_at_ms"

void put_status(Connection& connection, std::int64_t config_no, const BreakerStatus& status) {
  connection.run("INSERT OR REPLACE INTO circuit_breaker_status (config_no, " TOMADA_BREAKER_COLUMNS ")"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                 config_no, status.host, status.current_state, status.failure_count, status.success_count,
                 status.consecutive_failures, status.consecutive_successes, status.last_failure_at_ms,
                 status.last_success_at_ms, status.next_attempt_at_ms, status.state_changed_at_ms);
}

/// Of the others, those stay that matter most: not closed, changed last.
void remove_beyond_limit(Connection& connection, std::int64_t config_no, std::string_view host) {
  connection.run("DELETE FROM circuit_breaker_status WHERE config_no = ?1 AND host IN (SELECT host FROM circuit_breaker_status"
                 " WHERE config_no = ?1 AND host <> ?2 ORDER BY current_state = 'closed', state_changed_at_ms DESC, host"
                 " LIMIT -1 OFFSET ?3)",
                 config_no, host, k_breaker_hosts_max - 1);
}

class SqliteBreakers final : public Breakers {
 public:
  explicit SqliteBreakers(Database& database) : database_(database) {}

  Result<void> save(runtime::Task& task, const BreakerStatus& status, const Event* event) override {
    TOMADA_TRY(check_status(status, event));
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, status.tenant_id, status.config_id));
      put_status(connection, config_no, status);
      remove_beyond_limit(connection, config_no, status.host);
      if (event != nullptr) TOMADA_TRY(append_event(connection, status.tenant_id, *event));
      return {};
    });
  }

  Result<std::vector<BreakerStatus>> list(runtime::Task& task, std::string_view tenant_id,
                                          std::string_view config_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<BreakerStatus>> {
      auto query = connection.prepare(
          "SELECT " TOMADA_BREAKER_COLUMNS " FROM api_configurations c JOIN circuit_breaker_status b"
          " ON b.config_no = c.config_no WHERE c.tenant_id = ?1 AND c.config_id = ?2 ORDER BY host");
      query.bind(tenant_id, config_id);
      std::vector<BreakerStatus> all;
      while (query.step())
        all.push_back({.tenant_id = std::string(tenant_id),
                       .config_id = std::string(config_id),
                       .host = query.text(0),
                       .current_state = query.text(1),
                       .failure_count = query.integer(2),
                       .success_count = query.integer(3),
                       .consecutive_failures = query.integer(4),
                       .consecutive_successes = query.integer(5),
                       .last_failure_at_ms = query.optional_integer(6),
                       .last_success_at_ms = query.optional_integer(7),
                       .next_attempt_at_ms = query.optional_integer(8),
                       .state_changed_at_ms = query.integer(9)});
      return all;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Breakers> make_breakers(Database& database) { return std::make_unique<SqliteBreakers>(database); }

}  // namespace tomada::store::sqlite
