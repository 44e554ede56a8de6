#include "host/store/events.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/parts.hpp"

namespace tomada::store::postgres {

Result<std::int64_t> append_event(Connection& connection, std::string_view tenant_id, const Event& event) {
  // One round trip: the counter is locked from here to the commit.
  const Rows rows = connection.query(
      "WITH counted AS (INSERT INTO integrations.event_sequences AS s (tenant_id, last)"
      " SELECT tenant_id, 1 FROM integrations.tenants WHERE tenant_id = $1"
      " ON CONFLICT (tenant_id) DO UPDATE SET last = s.last + 1 RETURNING s.last),"
      " appended AS (INSERT INTO integrations.events (tenant_id, sequence, config_id, type, data_json, created_at_ms)"
      " SELECT $1, last, $2::uuid, $3, $4, $5 FROM counted),"
      " trimmed AS (DELETE FROM integrations.events WHERE tenant_id = $1 AND sequence <= (SELECT last - $6 FROM counted))"
      " SELECT last FROM counted",
      tenant_id, id_or_null(event.config_id), event.type, event.data_json, event.created_at_ms, k_events_max);
  if (rows.empty()) return fail(Errc::not_found, "there is no such tenant");
  return rows.front().integer(0);
}

namespace {

class PostgresEvents final : public Events {
 public:
  explicit PostgresEvents(Database& database) : database_(database) {}

  Result<std::int64_t> append(runtime::Task& task, const Event& event) override {
    TOMADA_TRY(check_event(event));
    return database_.write_together(task, event.tenant_id, k_lane, [&](Connection& connection) {
      return append_event(connection, event.tenant_id, event);
    });
  }

  Result<std::vector<Event>> list(runtime::Task& task, std::string_view tenant_id, std::int64_t after_sequence,
                                  std::size_t limit) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<Event>> {
      std::vector<Event> events;
      for (const Row row : connection.query(
               "SELECT sequence, config_id, type, data_json, created_at_ms FROM integrations.events"
               " WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
               tenant_id, after_sequence, limit))
        events.push_back({.sequence = row.integer(0),
                          .tenant_id = std::string(tenant_id),
                          .config_id = row.text(1),
                          .type = row.text(2),
                          .data_json = row.text(3),
                          .created_at_ms = row.integer(4)});
      return events;
    });
  }

 private:
  static constexpr std::string_view k_lane = "events";

  Database& database_;
};

}  // namespace

std::unique_ptr<Events> make_events(Database& database) { return std::make_unique<PostgresEvents>(database); }

}  // namespace tomada::store::postgres
