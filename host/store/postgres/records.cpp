#include "host/store/postgres/page_commit.hpp"
#include "host/store/postgres/parts.hpp"

namespace tomada::store::postgres {
namespace {

class PostgresRecords final : public Records {
 public:
  explicit PostgresRecords(Database& database) : database_(database) {}

  Result<PageOutcome> commit(runtime::Task& task, const Page& page) override {
    return database_.write(task, page.tenant_id, [&](Connection& connection) { return commit_page(connection, page); });
  }

  Result<std::vector<StoredRecord>> changes(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                            std::string_view entity, std::int64_t after_sequence,
                                            std::size_t limit) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<StoredRecord>> {
      std::vector<StoredRecord> records;
      for (const Row row : connection.query(
               "SELECT s.entity, r.external_id, r.data, r.updated_at_ms, r.deleted, r.version, r.sequence, r.source"
               " FROM integrations.records r JOIN integrations.sync_state s ON s.entity_no = r.entity_no"
               " WHERE r.tenant_id = $1 AND r.config_id = $2 AND r.sequence > $3 AND ($4 = '' OR s.entity = $4)"
               " ORDER BY r.sequence LIMIT $5",
               tenant_id, config_id, after_sequence, entity, limit))
        records.push_back({.entity = row.text(0),
                           .external_id = row.text(1),
                           .data_json = row.text(2),
                           .updated_at_ms = row.integer(3),
                           .deleted = row.boolean(4),
                           .version = row.integer(5),
                           .sequence = row.integer(6),
                           .source = row.text(7)});
      return records;
    });
  }

  Result<std::int64_t> count(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                             std::string_view entity) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::int64_t> {
      const Rows rows = connection.query("SELECT coalesce(sum(live_count), 0) FROM integrations.sync_state"
                                         " WHERE tenant_id = $1 AND config_id = $2 AND ($3 = '' OR entity = $3)",
                                         tenant_id, config_id, entity);
      return rows.empty() ? 0 : rows.front().integer(0);
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Records> make_records(Database& database) { return std::make_unique<PostgresRecords>(database); }

}  // namespace tomada::store::postgres
