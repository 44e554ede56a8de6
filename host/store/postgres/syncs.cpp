#include "host/base/uuid.hpp"
#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/parts.hpp"

#include <nlohmann/json.hpp>

namespace tomada::store::postgres {
namespace {

#define TOMADA_SYNC_COLUMNS                                                                                      \
  "sync_id, tenant_id, config_id, entity_type, mode, operation_status, records_processed, records_successful, "  \
  "records_changed, records_deleted, records_failed, progress_current, progress_total, retry_count, "            \
  "integrations.ms(started_at), integrations.ms(completed_at), integrations.ms(next_retry_at), error_code, "     \
  "error_message, integrations.ms(created_at), current_entity, generation, cursor, entities_done"

constexpr int k_enqueue_attempts_max = 3;

/// A JSON array of texts.
std::vector<std::string> read_texts(std::string_view json) {
  std::vector<std::string> texts;
  for (const auto& text : nlohmann::json::parse(json, nullptr, false))
    if (text.is_string()) texts.push_back(text.get<std::string>());
  return texts;
}

Sync read_sync(const Row& row) {
  return {.sync_id = row.text(0),
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
          .entities_done = read_texts(row.view(23))};
}

Error no_such_sync(std::string_view sync_id) {
  return fail(Errc::not_found, "there is no sync " + std::string(sync_id));
}

class PostgresSyncs final : public Syncs {
 public:
  explicit PostgresSyncs(Database& database) : database_(database) {}

  Result<void> enqueue(runtime::Task& task, const Sync& sync, std::string_view job_id) override {
    return database_.write(task, sync.tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_integration(connection, sync.tenant_id, sync.config_id));
      for (int attempts_count = 0; attempts_count < k_enqueue_attempts_max && !connection.has_error(); ++attempts_count) {
        // Waits for another one that is being added, and for one that is just ending.
        if (connection.run("WITH made AS (INSERT INTO integrations.sync_operations (sync_id, tenant_id, config_id,"
                           " entity_type, mode, operation_status, created_at)"
                           " VALUES ($1, $2, $3, $4, $5, 'pending', integrations.at($6))"
                           " ON CONFLICT (config_id) WHERE operation_status IN ('pending', 'processing') DO NOTHING"
                           " RETURNING sync_id, tenant_id, config_id),"
                           " job AS (INSERT INTO integrations.jobs (job_id, tenant_id, config_id, sync_id, kind,"
                           " payload_json, due_at_ms, created_at_ms) SELECT $7, tenant_id, config_id, sync_id, 'sync',"
                           " '{\"sync_id\":\"' || sync_id || '\"}', $6, $6 FROM made)"
                           " SELECT pg_notify('tomada_jobs', '') FROM made",
                           sync.sync_id, sync.tenant_id, sync.config_id, sync.entity_type, sync.mode,
                           sync.created_at_ms, job_id) == 1)
          return {};
        const Rows open = connection.query(
            "SELECT sync_id FROM integrations.sync_operations WHERE config_id = $1 AND tenant_id = $2"
            " AND operation_status IN ('pending', 'processing')",
            sync.config_id, sync.tenant_id);
        if (!open.empty()) return fail(Errc::conflict, open.front().text(0));
      }
      return fail(Errc::unavailable, "syncs of this integration begin and end too quickly; try again");
    });
  }

  Result<std::optional<Sync>> find(runtime::Task& task, std::string_view tenant_id, std::string_view sync_id) override {
    if (!is_uuid(sync_id)) return std::nullopt;
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::optional<Sync>> {
      const Rows rows = connection.query("SELECT " TOMADA_SYNC_COLUMNS
                                         " FROM integrations.sync_operations WHERE sync_id = $1 AND tenant_id = $2",
                                         sync_id, tenant_id);
      if (rows.empty()) return std::nullopt;
      return read_sync(rows.front());
    });
  }

  Result<std::vector<Sync>> list(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                 std::string_view status, std::string_view before_id, std::size_t limit) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<Sync>> {
      std::vector<Sync> syncs;
      for (const Row row : connection.query(
               "SELECT " TOMADA_SYNC_COLUMNS
               " FROM integrations.sync_operations WHERE tenant_id = $1 AND config_id = $2"
               " AND ($3 = '' OR operation_status = $3)"
               " AND sync_id < coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY sync_id DESC LIMIT $5",
               tenant_id, config_id, status, id_or_null(before_id), limit))
        syncs.push_back(read_sync(row));
      return syncs;
    });
  }

  Result<void> start(runtime::Task& task, const Sync& sync, std::int64_t fencing_token, std::int64_t now_ms) override {
    return database_.write(task, sync.tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(check_fence(connection, sync.tenant_id, sync.sync_id, fencing_token));
      if (connection.run("UPDATE integrations.sync_operations SET operation_status = 'processing',"
                         " started_at = coalesce(started_at, integrations.at($1)), next_retry_at = NULL"
                         " WHERE sync_id = $2 AND tenant_id = $3",
                         now_ms, sync.sync_id, sync.tenant_id) == 0)
        return no_such_sync(sync.sync_id);
      return {};
    });
  }

  Result<std::int64_t> start_entity(runtime::Task& task, const Sync& sync, std::string_view entity,
                                    std::int64_t fencing_token) override {
    return database_.write(task, sync.tenant_id, [&](Connection& connection) -> Result<std::int64_t> {
      TOMADA_TRY(require_integration(connection, sync.tenant_id, sync.config_id));
      TOMADA_TRY(check_fence(connection, sync.tenant_id, sync.sync_id, fencing_token));
      const Rows rows = connection.query(
          "WITH next AS (INSERT INTO integrations.sync_state AS s (tenant_id, config_id, entity, generation)"
          " VALUES ($1, $2, $3, 1) ON CONFLICT (config_id, entity) DO UPDATE SET generation = s.generation + 1"
          " RETURNING s.generation)"
          " UPDATE integrations.sync_operations o SET current_entity = $3, generation = next.generation, cursor = ''"
          " FROM next WHERE o.sync_id = $4 AND o.tenant_id = $1 AND o.config_id = $2 RETURNING next.generation",
          sync.tenant_id, sync.config_id, entity, sync.sync_id);
      if (rows.empty()) return no_such_sync(sync.sync_id);
      return rows.front().integer(0);
    });
  }

  Result<std::string> since(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                            std::string_view entity) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::string> {
      const Rows rows = connection.query(
          "SELECT since FROM integrations.sync_state WHERE tenant_id = $1 AND config_id = $2 AND entity = $3", tenant_id,
          config_id, entity);
      return rows.empty() ? std::string() : rows.front().text(0);
    });
  }

  Result<void> set_progress(runtime::Task& task, const Sync& sync, std::int64_t current, std::int64_t total) override {
    return database_.write(task, sync.tenant_id, [&](Connection& connection) -> Result<void> {
      // It may be lost in a crash: nobody waits for the disk.
      if (connection.query("UPDATE integrations.sync_operations SET progress_current = $1, progress_total = $2"
                           " WHERE sync_id = $3 AND tenant_id = $4 RETURNING set_config('synchronous_commit', 'off', true)",
                           current, total, sync.sync_id, sync.tenant_id)
              .empty())
        return no_such_sync(sync.sync_id);
      return {};
    });
  }

  Result<void> finish_entity(runtime::Task& task, const Sync& sync, std::string_view entity,
                             std::int64_t fencing_token) override {
    return database_.write(task, sync.tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(check_fence(connection, sync.tenant_id, sync.sync_id, fencing_token));
      if (connection.run("UPDATE integrations.sync_operations SET entities_done ="
                         " CASE WHEN jsonb_exists(entities_done::jsonb, $1::text) THEN entities_done"
                         " ELSE (entities_done::jsonb || to_jsonb($1::text))::json END"
                         " WHERE sync_id = $2 AND tenant_id = $3",
                         entity, sync.sync_id, sync.tenant_id) == 0)
        return no_such_sync(sync.sync_id);
      return {};
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Syncs> make_syncs(Database& database) { return std::make_unique<PostgresSyncs>(database); }

}  // namespace tomada::store::postgres
