#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {
namespace {

#define TOMADA_SYNC_COLUMNS                                                                                     \
  "sync_id, tenant_id, config_id, entity_type, mode, operation_status, records_processed, records_successful, " \
  "records_changed, records_deleted, records_failed, progress_current, progress_total, retry_count, "           \
  "started_at_ms, completed_at_ms, next_retry_at_ms, error_code, error_message, created_at_ms, current_entity, " \
  "generation, cursor"

Sync read_sync(Connection& connection, const Statement& row) {
  Sync sync{.sync_id = row.text(0),
            .tenant_id = row.text(1),
            .config_id = row.text(2),
            .entity_type = row.text(3),
            .mode = row.text(4),
            .operation_status = row.text(5),
            .records_processed = row.integer(6),
            .records_successful = row.integer(7),
            .records_changed = row.integer(8),
            .records_deleted = row.integer(9),
            .records_failed = row.integer(10),
            .progress_current = row.integer(11),
            .progress_total = row.integer(12),
            .retry_count = row.integer(13),
            .started_at_ms = row.optional_integer(14),
            .completed_at_ms = row.optional_integer(15),
            .next_retry_at_ms = row.optional_integer(16),
            .error_code = row.text(17),
            .error_message = row.text(18),
            .created_at_ms = row.integer(19),
            .current_entity = row.text(20),
            .generation = row.integer(21),
            .cursor = row.text(22),
            .entities_done = {}};
  auto done = connection.prepare(
      "SELECT value FROM sync_operations s, json_each(s.entities_done) WHERE s.sync_id = ?1 ORDER BY key");
  done.bind(sync.sync_id);
  while (done.step()) sync.entities_done.push_back(done.text(0));
  return sync;
}

Error no_such_sync(std::string_view sync_id) {
  return fail(Errc::not_found, "there is no sync " + std::string(sync_id));
}

class SqliteSyncs final : public Syncs {
 public:
  explicit SqliteSyncs(Database& database) : database_(database) {}

  Result<void> enqueue(runtime::Task& task, const Sync& sync, std::string_view job_id) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(find_config_no(connection, sync.tenant_id, sync.config_id));
      auto open = connection.prepare(
          "SELECT sync_id FROM sync_operations WHERE config_id = ?1"
          " AND operation_status IN ('pending', 'processing')");
      if (open.first(sync.config_id)) return fail(Errc::conflict, open.text(0));
      connection.run(
          "INSERT INTO sync_operations (sync_id, tenant_id, config_id, entity_type, mode, operation_status,"
          " created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6)",
          sync.sync_id, sync.tenant_id, sync.config_id, sync.entity_type, sync.mode, sync.created_at_ms);
      connection.run(
          "INSERT INTO jobs (job_id, tenant_id, config_id, sync_id, kind, payload_json, due_at_ms, created_at_ms)"
          " VALUES (?1, ?2, ?3, ?4, 'sync', json_object('sync_id', ?4), ?5, ?5)",
          job_id, sync.tenant_id, sync.config_id, sync.sync_id, sync.created_at_ms);
      return {};
    });
  }

  Result<std::optional<Sync>> find(runtime::Task& task, std::string_view tenant_id, std::string_view sync_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<Sync>> {
      auto query = connection.prepare("SELECT " TOMADA_SYNC_COLUMNS
                                      " FROM sync_operations WHERE sync_id = ?1 AND tenant_id = ?2");
      if (!query.first(sync_id, tenant_id)) return std::nullopt;
      return read_sync(connection, query);
    });
  }

  Result<std::vector<Sync>> list(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                 std::string_view status, std::string_view before_id, std::size_t limit) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<Sync>> {
      auto query = connection.prepare(
          "SELECT " TOMADA_SYNC_COLUMNS
          " FROM sync_operations WHERE tenant_id = ?1 AND config_id = ?2 AND (?3 = '' OR operation_status = ?3)"
          " AND sync_id < ?4 ORDER BY sync_id DESC LIMIT ?5");
      // '~' is behind every character of an id.
      query.bind(tenant_id, config_id, status, before_id.empty() ? std::string_view("~") : before_id, limit);
      std::vector<Sync> syncs;
      while (query.step()) syncs.push_back(read_sync(connection, query));
      return syncs;
    });
  }

  Result<void> start(runtime::Task& task, const Sync& sync, std::int64_t fencing_token, std::int64_t now_ms) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(check_fence(connection, sync.tenant_id, sync.sync_id, fencing_token));
      if (connection.run("UPDATE sync_operations SET operation_status = 'processing',"
                         " started_at_ms = coalesce(started_at_ms, ?1), next_retry_at_ms = NULL"
                         " WHERE sync_id = ?2 AND tenant_id = ?3",
                         now_ms, sync.sync_id, sync.tenant_id) == 0)
        return no_such_sync(sync.sync_id);
      return {};
    });
  }

  Result<std::int64_t> start_entity(runtime::Task& task, const Sync& sync, std::string_view entity,
                                    std::int64_t fencing_token) override {
    return database_.write(task, [&](Connection& connection) -> Result<std::int64_t> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, sync.tenant_id, sync.config_id));
      TOMADA_TRY(check_fence(connection, sync.tenant_id, sync.sync_id, fencing_token));
      std::int64_t generation = 0;
      {
        auto next = connection.prepare(
            "INSERT INTO sync_state (config_no, entity, generation) VALUES (?1, ?2, 1)"
            " ON CONFLICT DO UPDATE SET generation = generation + 1 RETURNING generation");
        if (next.first(config_no, entity)) generation = next.integer(0);
        (void)next.step();
      }
      if (connection.run("UPDATE sync_operations SET current_entity = ?1, generation = ?2, cursor = ''"
                         " WHERE sync_id = ?3 AND tenant_id = ?4 AND config_id = ?5",
                         entity, generation, sync.sync_id, sync.tenant_id, sync.config_id) == 0)
        return no_such_sync(sync.sync_id);
      return generation;
    });
  }

  Result<std::string> since(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                            std::string_view entity) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::string> {
      auto query = connection.prepare(
          "SELECT s.since FROM api_configurations c JOIN sync_state s ON s.config_no = c.config_no"
          " WHERE c.tenant_id = ?1 AND c.config_id = ?2 AND s.entity = ?3");
      return query.first(tenant_id, config_id, entity) ? query.text(0) : std::string();
    });
  }

  Result<void> set_progress(runtime::Task& task, const Sync& sync, std::int64_t current, std::int64_t total) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (connection.run("UPDATE sync_operations SET progress_current = ?1, progress_total = ?2"
                         " WHERE sync_id = ?3 AND tenant_id = ?4",
                         current, total, sync.sync_id, sync.tenant_id) == 0)
        return no_such_sync(sync.sync_id);
      return {};
    });
  }

  Result<void> finish_entity(runtime::Task& task, const Sync& sync, std::string_view entity,
                             std::int64_t fencing_token) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(check_fence(connection, sync.tenant_id, sync.sync_id, fencing_token));
      if (!connection.prepare("SELECT 1 FROM sync_operations WHERE sync_id = ?1 AND tenant_id = ?2")
               .first(sync.sync_id, sync.tenant_id))
        return no_such_sync(sync.sync_id);
      connection.run(
          "UPDATE sync_operations SET entities_done = json_insert(entities_done, '$[#]', ?1) WHERE sync_id = ?2"
          " AND NOT EXISTS (SELECT 1 FROM json_each(entities_done) WHERE value = ?1)",
          entity, sync.sync_id);
      return {};
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Syncs> make_syncs(Database& database) { return std::make_unique<SqliteSyncs>(database); }

}  // namespace tomada::store::sqlite
