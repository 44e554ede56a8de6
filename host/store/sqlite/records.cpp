#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/page_commit.hpp"
#include "host/store/sqlite/parts.hpp"

#include <algorithm>

namespace tomada::store::sqlite {
namespace {

struct Entity {
  std::int64_t entity_no{};
  std::string name;
};

/// `entity` empty: all of the integration. No such integration for this tenant: none.
std::vector<Entity> find_entities(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                  std::string_view entity) {
  auto query = connection.prepare(
      "SELECT s.entity_no, s.entity FROM api_configurations c JOIN sync_state s ON s.config_no = c.config_no"
      " WHERE c.tenant_id = ?1 AND c.config_id = ?2 AND (?3 = '' OR s.entity = ?3)");
  query.bind(tenant_id, config_id, entity);
  std::vector<Entity> entities;
  while (query.step()) entities.push_back({query.integer(0), query.text(1)});
  return entities;
}

/// The next `limit` positions in change order over all `entities`, each with the index of its entity. The index gives
/// each entity's positions in order; merging the few first ones of each never reads past `limit` in any of them.
std::vector<std::pair<std::int64_t, std::size_t>> next_sequences(Connection& connection,
                                                                 const std::vector<Entity>& entities,
                                                                 std::int64_t after_sequence, std::size_t limit) {
  std::vector<std::pair<std::int64_t, std::size_t>> sequences;
  auto query = connection.prepare(
      "SELECT sequence FROM records INDEXED BY records_by_entity WHERE entity_no = ?1 AND sequence > ?2"
      " ORDER BY sequence LIMIT ?3");
  for (std::size_t i = 0; i < entities.size(); ++i) {
    query.bind(entities[i].entity_no, after_sequence, limit);
    while (query.step()) sequences.emplace_back(query.integer(0), i);
  }
  std::sort(sequences.begin(), sequences.end());
  if (sequences.size() > limit) sequences.resize(limit);
  return sequences;
}

class SqliteRecords final : public Records {
 public:
  explicit SqliteRecords(Database& database) : database_(database) {}

  Result<PageOutcome> commit(runtime::Task& task, const Page& page) override {
    return database_.write(task, [&](Connection& connection) { return PageCommit(connection, page).run(); });
  }

  Result<std::vector<StoredRecord>> changes(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                            std::string_view entity, std::int64_t after_sequence,
                                            std::size_t limit) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<StoredRecord>> {
      const auto entities = find_entities(connection, tenant_id, config_id, entity);
      const auto sequences = next_sequences(connection, entities, after_sequence, limit);
      std::vector<StoredRecord> records;
      records.reserve(sequences.size());
      auto query = connection.prepare(
          "SELECT external_id, data, updated_at_ms, deleted, version, source FROM records WHERE sequence = ?1");
      for (const auto& [sequence, index] : sequences)
        if (query.first(sequence))
          records.push_back({.entity = entities[index].name,
                             .external_id = query.text(0),
                             .data_json = query.text(1),
                             .updated_at_ms = query.integer(2),
                             .deleted = query.integer(3) != 0,
                             .version = query.integer(4),
                             .sequence = sequence,
                             .source = query.text(5)});
      return records;
    });
  }

  Result<std::int64_t> count(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                             std::string_view entity) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::int64_t> {
      auto query = connection.prepare(
          "SELECT coalesce(sum(s.live_count), 0) FROM api_configurations c JOIN sync_state s"
          " ON s.config_no = c.config_no WHERE c.tenant_id = ?1 AND c.config_id = ?2 AND (?3 = '' OR s.entity = ?3)");
      return query.first(tenant_id, config_id, entity) ? query.integer(0) : 0;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Records> make_records(Database& database) { return std::make_unique<SqliteRecords>(database); }

}  // namespace tomada::store::sqlite
