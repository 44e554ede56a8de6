#include "host/store/events.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {

Result<std::int64_t> append_event(Connection& connection, std::string_view tenant_id, const Event& event) {
  auto counter = connection.prepare(
      "INSERT INTO event_sequences (tenant_id, last) SELECT tenant_id, 1 FROM tenants WHERE tenant_id = ?1"
      " ON CONFLICT (tenant_id) DO UPDATE SET last = last + 1 RETURNING last");
  if (!counter.first(tenant_id)) return fail(Errc::not_found, "there is no such tenant");
  const std::int64_t sequence = counter.integer(0);
  connection.run("INSERT INTO events (tenant_id, sequence, config_id, type, data_json, created_at_ms)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                 tenant_id, sequence, event.config_id, event.type, event.data_json, event.created_at_ms);
  connection.run("DELETE FROM events WHERE tenant_id = ?1 AND sequence <= ?2", tenant_id,
                 sequence - static_cast<std::int64_t>(k_events_max));
  return sequence;
}

namespace {

class SqliteEvents final : public Events {
 public:
  explicit SqliteEvents(Database& database) : database_(database) {}

  Result<std::int64_t> append(runtime::Task& task, const Event& event) override {
    TOMADA_TRY(check_event(event));
    return database_.write(task, [&](Connection& connection) { return append_event(connection, event.tenant_id, event); });
  }

  Result<std::vector<Event>> list(runtime::Task& task, std::string_view tenant_id, std::int64_t after_sequence,
                                  std::size_t limit) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<Event>> {
      auto query = connection.prepare(
          "SELECT sequence, config_id, type, data_json, created_at_ms FROM events"
          " WHERE tenant_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3");
      query.bind(tenant_id, after_sequence, limit);
      std::vector<Event> events;
      while (query.step())
        events.push_back({.sequence = query.integer(0),
                          .tenant_id = std::string(tenant_id),
                          .config_id = query.text(1),
                          .type = query.text(2),
                          .data_json = query.text(3),
                          .created_at_ms = query.integer(4)});
      return events;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Events> make_events(Database& database) { return std::make_unique<SqliteEvents>(database); }

}  // namespace tomada::store::sqlite
