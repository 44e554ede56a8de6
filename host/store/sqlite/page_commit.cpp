#include "host/store/sqlite/page_commit.hpp"

#include "host/store/record_rules.hpp"
#include "host/store/sqlite/lookups.hpp"

namespace tomada::store::sqlite {
namespace {

inline constexpr std::size_t k_unseen_batch_max = 10'000;

}  // namespace

PageCommit::PageCommit(Connection& connection, const Page& page)
    : connection_(connection),
      page_(page),
      find_(connection.prepare("SELECT k.sequence, k.generation, k.deleted, r.updated_at_ms, r.data FROM record_keys k"
                               " JOIN records r ON r.sequence = k.sequence"
                               " WHERE k.entity_no = ?1 AND k.external_id = ?2")),
      insert_record_(connection.prepare(
          "INSERT INTO records (sequence, entity_no, external_id, data, updated_at_ms, deleted, version, source,"
          " plugin_version) VALUES (?1, ?2, ?3, ?4, ?5, 0, 1, ?6, ?7)")),
      insert_key_(connection.prepare("INSERT INTO record_keys (entity_no, external_id, sequence, generation, deleted)"
                                     " VALUES (?1, ?2, ?3, ?4, 0)"
                                     " ON CONFLICT DO NOTHING")),
      // A new sequence is a new row number: the row moves to the end of the change order.
      change_record_(connection.prepare(
          "UPDATE records SET sequence = ?1, data = ?2, updated_at_ms = ?3, deleted = 0, version = version + 1,"
          " source = ?4, plugin_version = ?5 WHERE sequence = ?6")),
      bury_record_(connection.prepare(
          "UPDATE records SET sequence = ?1, updated_at_ms = max(updated_at_ms, ?2), deleted = 1,"
          " version = version + 1, source = ?3, plugin_version = ?4 WHERE sequence = ?5")),
      change_key_(connection.prepare("UPDATE record_keys SET sequence = ?1, generation = ?2, deleted = ?3"
                                     " WHERE entity_no = ?4 AND external_id = ?5")),
      mark_seen_(connection.prepare("UPDATE record_keys SET generation = ?1 WHERE entity_no = ?2 AND external_id = ?3")) {}

Result<PageOutcome> PageCommit::run() {
  TOMADA_TRY_ASSIGN(config_no_, find_config_no(connection_, page_.tenant_id, page_.config_id));
  if (!page_.sync_id.empty())
    TOMADA_TRY(check_fence(connection_, page_.tenant_id, page_.sync_id, page_.fencing_token));
  {
    auto query = connection_.prepare("SELECT last FROM record_sequence");
    if (query.step()) last_sequence_ = query.integer(0);
  }
  const std::int64_t sequence_before = last_sequence_;

  for (const RecordChange& change : page_.changes) {
    apply(change);
    if (connection_.has_error()) break;
  }
  if (page_.complete_since) {
    Entity& completed = entity(page_.entity);
    if (page_.marks_seen && !page_.keeps_unseen) remove_unseen(completed);
    connection_.run("UPDATE sync_state SET since = ?1 WHERE entity_no = ?2", *page_.complete_since, completed.entity_no);
  }
  finish_entities();
  if (last_sequence_ != sequence_before) connection_.run("UPDATE record_sequence SET last = ?1", last_sequence_);
  if (!page_.sync_id.empty()) TOMADA_TRY(finish_sync());
  TOMADA_TRY(connection_.take_result());
  return outcome_;
}

/// A page has few entities, mostly one: a vector is the fastest map.
PageCommit::Entity& PageCommit::entity(std::string_view name) {
  for (Entity& known : entities_)
    if (known.name == name) return known;
  Entity found{.name = name};
  auto query = connection_.prepare("SELECT entity_no, generation FROM sync_state WHERE config_no = ?1 AND entity = ?2");
  if (!query.first(config_no_, name)) {
    connection_.run("INSERT INTO sync_state (config_no, entity) VALUES (?1, ?2)", config_no_, name);
    (void)query.first(config_no_, name);
  }
  if (!connection_.has_error()) {
    found.entity_no = query.integer(0);
    found.generation = query.integer(1);
  }
  // What comes from elsewhere while a full run goes on (a webhook) gets the run's generation, the current one, or the
  // run's end would delete it as unseen.
  if (page_.marks_seen && name == page_.entity) {
    found.marks_seen = true;
    found.generation = page_.generation;
  }
  return entities_.emplace_back(found);
}

bool PageCommit::insert(Entity& entity, const RecordChange& change) {
  if (insert_key_.run(entity.entity_no, change.external_id, last_sequence_ + 1, entity.generation) == 0) return false;
  insert_record_.run(++last_sequence_, entity.entity_no, change.external_id, change.data_json, change.updated_at_ms,
                     page_.source, page_.plugin_version);
  ++entity.live_change;
  ++outcome_.changed_count;
  return true;
}

void PageCommit::apply(const RecordChange& change) {
  Entity& entity = this->entity(change.entity);
  if (entity.expects_new && !change.deleted && insert(entity, change)) return;
  const bool is_known = find_.first(entity.entity_no, change.external_id);
  entity.expects_new = !is_known;
  if (!is_known) {
    if (connection_.has_error()) return;
    if (change.deleted)
      ++outcome_.unchanged_count;  // never known here: nobody needs to hear that it is gone
    else
      (void)insert(entity, change);
    return;
  }
  const std::int64_t sequence = find_.integer(0);
  const std::int64_t generation = find_.integer(1);
  const bool was_deleted = find_.integer(2) != 0;
  const std::int64_t updated_at_ms = find_.integer(3);
  const KnownRecord known{.deleted = was_deleted, .updated_at_ms = updated_at_ms, .data_json = find_.view(4)};
  const Effect effect = judge(change, known);
  find_.reset();  // an open reader of the same trees would make each write below more costly

  if (effect == Effect::none || effect == Effect::confirmed) {
    ++outcome_.unchanged_count;
    if (entity.marks_seen && generation != entity.generation)
      mark_seen_.run(entity.generation, entity.entity_no, change.external_id);
    if (effect == Effect::confirmed)
      connection_.run("UPDATE records SET updated_at_ms = ?1 WHERE sequence = ?2", change.updated_at_ms, sequence);
    return;
  }
  ++last_sequence_;
  if (change.deleted) {
    bury_record_.run(last_sequence_, change.updated_at_ms, page_.source, page_.plugin_version, sequence);
    ++outcome_.deleted_count;
    --entity.live_change;
  } else {
    change_record_.run(last_sequence_, change.data_json, next_time_ms(change, known), page_.source,
                       page_.plugin_version, sequence);
    ++outcome_.changed_count;
    if (was_deleted) ++entity.live_change;
  }
  change_key_.run(last_sequence_, entity.generation, change.deleted, entity.entity_no, change.external_id);
}

/// In batches by key, because the loop changes the tree that it reads.
void PageCommit::remove_unseen(Entity& entity) {
  struct Unseen {
    std::string external_id;
    std::int64_t sequence;
  };
  std::vector<Unseen> unseen;
  std::string after;
  do {
    unseen.clear();
    {
      auto query = connection_.prepare(
          "SELECT external_id, sequence FROM record_keys WHERE entity_no = ?1 AND external_id > ?2 AND deleted = 0"
          " AND generation < ?3 ORDER BY external_id LIMIT ?4");
      query.bind(entity.entity_no, after, page_.generation, k_unseen_batch_max);
      while (query.step()) unseen.push_back({query.text(0), query.integer(1)});
    }
    for (const Unseen& record : unseen) {
      bury_record_.run(++last_sequence_, 0, page_.source, page_.plugin_version, record.sequence);
      change_key_.run(last_sequence_, entity.generation, true, entity.entity_no, record.external_id);
    }
    outcome_.deleted_count += static_cast<std::int64_t>(unseen.size());
    entity.live_change -= static_cast<std::int64_t>(unseen.size());
    if (!unseen.empty()) after = unseen.back().external_id;
  } while (unseen.size() == k_unseen_batch_max && !connection_.has_error());
}

void PageCommit::finish_entities() {
  for (const Entity& entity : entities_)
    if (entity.live_change != 0)
      connection_.run("UPDATE sync_state SET live_count = live_count + ?1 WHERE entity_no = ?2", entity.live_change,
                      entity.entity_no);
}

Result<void> PageCommit::finish_sync() {
  const auto received_count = static_cast<std::int64_t>(page_.changes.size());
  const std::int64_t updated_count = connection_.run(
      "UPDATE sync_operations SET records_processed = records_processed + ?1,"
      " records_successful = records_successful + ?2, records_changed = records_changed + ?3,"
      " records_deleted = records_deleted + ?4, records_failed = records_failed + ?5, cursor = ?6"
      " WHERE sync_id = ?7 AND tenant_id = ?8 AND config_id = ?9",
      received_count + page_.rejected_count, outcome_.changed_count + outcome_.unchanged_count, outcome_.changed_count,
      outcome_.deleted_count, page_.rejected_count, page_.cursor, page_.sync_id, page_.tenant_id, page_.config_id);
  if (updated_count == 0) return fail(Errc::not_found, "there is no sync " + page_.sync_id);
  return {};
}

}  // namespace tomada::store::sqlite
