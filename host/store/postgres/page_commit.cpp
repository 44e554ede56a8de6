#include "host/store/postgres/page_commit.hpp"

#include "host/store/record_rules.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tomada::store::postgres {
namespace {

constexpr std::int64_t k_unseen_batch_max = 10'000;  // well within the statement timeout
constexpr int k_entity_attempts_max = 3;

/* One page, in a handful of round trips however many records it has: lock, read what is known of its records, decide here,
 * write what differs. One use: construct, run(). */
class PageCommit {
 public:
  PageCommit(Connection& connection, const Page& page) : connection_(connection), page_(page) {}
  Result<PageOutcome> run();

 private:
  struct Entity {
    std::string name;
    std::int64_t entity_no{};
    std::int64_t generation{};  // what a record that is written now gets
    bool marks_seen{};
    std::int64_t live_change{};
    std::optional<std::string_view> since;
  };
  /// A record that the page names, once or more often; what it is now and what becomes of it.
  struct Record {
    std::size_t entity{};
    std::string external_id;
    std::int64_t sequence{}, generation{}, version{};  // version 0: not known
    KnownRecord known;
    std::int64_t old_sequence{};
    bool is_new{}, is_changed{}, has_new_data{}, is_seen{}, is_confirmed{};
  };

  void list_names();
  std::size_t entity_index(std::string_view name);
  Result<void> lock();
  Result<bool> lock_and_find_entities();
  void read_records();
  void decide();
  void apply(const RecordChange& change, Record& record);
  void remove_unseen(Entity& entity);
  void insert_new();
  void write_changed();
  void write_seen();
  void write_confirmed();
  void write_states(std::int64_t sequence_before);
  Result<void> finish_sync();

  Connection& connection_;
  const Page& page_;
  std::int64_t last_sequence_{};
  std::string run_entity_;
  std::vector<Entity> entities_;     // few, mostly one: a vector is the fastest map
  std::vector<Record> records_;
  std::vector<std::size_t> places_;  // of each change, in records_
  Rows known_;                       // what Record::known refers to
  PageOutcome outcome_;
};

Result<PageOutcome> PageCommit::run() {
  list_names();
  TOMADA_TRY(lock());
  const std::int64_t sequence_before = last_sequence_;
  read_records();
  TOMADA_TRY(connection_.take_result());
  decide();
  insert_new();
  write_changed();
  write_seen();
  write_confirmed();
  if (page_.complete_since) {
    Entity& completed = entities_[entity_index(run_entity_)];
    if (page_.marks_seen && !page_.keeps_unseen) remove_unseen(completed);
    completed.since = *page_.complete_since;
  }
  write_states(sequence_before);
  if (!page_.sync_id.empty()) TOMADA_TRY(finish_sync());
  TOMADA_TRY(connection_.take_result());
  return outcome_;
}

std::size_t PageCommit::entity_index(std::string_view name) {
  const auto place = std::find_if(entities_.begin(), entities_.end(), [&](const Entity& one) { return one.name == name; });
  const auto index = static_cast<std::size_t>(place - entities_.begin());
  if (index == entities_.size()) entities_.push_back({.name = std::string(name)});
  return index;
}

/// As the server will have them: a text that is not valid would otherwise not be found again.
void PageCommit::list_names() {
  records_.reserve(page_.changes.size());
  places_.reserve(page_.changes.size());
  std::unordered_map<std::string, std::size_t> known;
  known.reserve(page_.changes.size());
  std::string name;
  for (const RecordChange& change : page_.changes) {
    name.clear();
    append_valid_utf8(name, change.entity);
    const std::size_t entity = entity_index(name);
    const std::size_t prefix = name.size() + 1;
    name += '\0';  // in no valid name
    append_valid_utf8(name, change.external_id);
    const auto [place, is_first] = known.try_emplace(name, records_.size());
    if (is_first) records_.push_back({.entity = entity, .external_id = name.substr(prefix), .known = {}});
    places_.push_back(place->second);
  }
  append_valid_utf8(run_entity_, page_.entity);
  if (page_.complete_since) (void)entity_index(run_entity_);
}

Result<void> PageCommit::lock() {
  for (int attempts_count = 0; attempts_count < k_entity_attempts_max; ++attempts_count) {
    TOMADA_TRY_ASSIGN(const bool has_all, lock_and_find_entities());
    if (has_all) return {};
  }
  return fail(Errc::unavailable, "the database is busy with the same rows; nothing was written");
}

/// Its own statement: what is read after it is what those left for whom it waited. False: an entity was being made by
/// somebody else; the next time it is there.
Result<bool> PageCommit::lock_and_find_entities() {
  const Rows rows = connection_.query(
      "WITH fence AS MATERIALIZED (SELECT 1 FROM integrations.jobs WHERE sync_id = $3 AND tenant_id = $1"
      " AND status = 'running' AND fencing_token = $4 FOR SHARE),"
      " place AS MATERIALIZED (SELECT last, $4::bigint = 0 OR EXISTS (SELECT FROM fence) AS holds"
      " FROM integrations.record_sequences WHERE config_id = $2 AND tenant_id = $1 FOR UPDATE),"
      " known AS MATERIALIZED (SELECT entity, entity_no, generation FROM integrations.sync_state"
      " WHERE config_id = $2 AND entity = ANY ($5::text[]) AND EXISTS (SELECT FROM place) ORDER BY entity_no"
      " FOR NO KEY UPDATE),"
      " made AS (INSERT INTO integrations.sync_state (tenant_id, config_id, entity)"
      " SELECT $1, $2, name FROM unnest($5::text[]) AS name"
      " WHERE EXISTS (SELECT FROM place WHERE holds) AND name NOT IN (SELECT entity FROM known)"
      " ON CONFLICT DO NOTHING RETURNING entity, entity_no, generation)"
      " SELECT p.last, p.holds, e.entity, e.entity_no, e.generation FROM place p"
      " LEFT JOIN (SELECT * FROM known UNION ALL SELECT * FROM made) e ON true",
      page_.tenant_id, page_.config_id, id_or_null(page_.sync_id), page_.sync_id.empty() ? 0 : page_.fencing_token,
      array_of(entities_, [](const Entity& entity) -> const std::string& { return entity.name; }));
  TOMADA_TRY(connection_.take_result());
  if (rows.empty()) return fail(Errc::not_found, "there is no integration " + page_.config_id);
  if (!rows.front().boolean(1)) return fail(Errc::conflict, "the lease on the job of sync " + page_.sync_id + " is lost");
  last_sequence_ = rows.front().integer(0);
  for (const Row row : rows) {
    if (row.is_null(2)) continue;
    Entity& entity = entities_[entity_index(row.view(2))];
    entity.entity_no = row.integer(3);
    // What comes from elsewhere while a full run goes on (a webhook) gets the run's generation, the current one, or the
    // run's end would delete it as unseen. No run begins before this transaction ends: the row is locked.
    entity.marks_seen = page_.marks_seen && entity.name == run_entity_;
    entity.generation = entity.marks_seen ? page_.generation : row.integer(4);
  }
  return std::all_of(entities_.begin(), entities_.end(), [](const Entity& entity) { return entity.entity_no != 0; });
}

void PageCommit::read_records() {
  if (records_.empty()) return;
  known_ = connection_.query(
      "SELECT g.place - 1, k.sequence, k.generation, k.deleted, r.version, r.updated_at_ms, r.data"
      " FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS g (entity_no, external_id, place)"
      " JOIN integrations.record_keys k ON k.entity_no = g.entity_no AND k.external_id = g.external_id"
      " JOIN integrations.records r ON r.config_id = $3 AND r.sequence = k.sequence",
      array_of(records_, [&](const Record& record) { return entities_[record.entity].entity_no; }),
      array_of(records_, [](const Record& record) -> const std::string& { return record.external_id; }), page_.config_id);
  for (const Row row : known_) {
    Record& record = records_[static_cast<std::size_t>(row.integer(0))];
    record.sequence = record.old_sequence = row.integer(1);
    record.generation = row.integer(2);
    record.version = row.integer(4);
    record.known = {.deleted = row.boolean(3), .updated_at_ms = row.integer(5), .data_json = row.view(6)};
  }
}

void PageCommit::decide() {
  for (std::size_t i = 0; i < page_.changes.size(); ++i) apply(page_.changes[i], records_[places_[i]]);
}

void PageCommit::apply(const RecordChange& change, Record& record) {
  Entity& entity = entities_[record.entity];
  Effect effect = Effect::changed;
  if (record.version != 0) {
    effect = judge(change, record.known);
  } else if (change.deleted) {
    effect = Effect::none;  // never known here: nobody needs to hear that it is gone
  } else {
    record.is_new = true;
    record.known = {.deleted = true, .data_json = {}};  // nothing that counts as live, or as a time
  }
  if (effect == Effect::none || effect == Effect::confirmed) {
    ++outcome_.unchanged_count;
    if (record.version != 0 && entity.marks_seen && record.generation != entity.generation) {
      record.is_seen = true;
      record.generation = entity.generation;
    }
    if (effect == Effect::confirmed) {
      record.is_confirmed = true;
      record.known.updated_at_ms = change.updated_at_ms;
    }
    return;
  }
  record.is_changed = true;
  record.sequence = ++last_sequence_;  // the record moves to the end of the change order
  record.generation = entity.generation;
  ++record.version;
  record.known.updated_at_ms = next_time_ms(change, record.known);
  if (effect == Effect::deleted) {
    record.known.deleted = true;
    ++outcome_.deleted_count;
    --entity.live_change;
  } else {
    if (record.known.deleted) ++entity.live_change;
    record.known.deleted = false;
    record.known.data_json = change.data_json;
    record.has_new_data = true;
    ++outcome_.changed_count;
  }
}

void PageCommit::insert_new() {
  Array entities, ids, sequences, generations, data, times, deleted, versions;
  bool is_empty = true;
  for (const Record& record : records_) {
    if (!record.is_new) continue;
    is_empty = false;
    entities.add(entities_[record.entity].entity_no);
    ids.add(record.external_id);
    sequences.add(record.sequence);
    generations.add(record.generation);
    data.add(record.known.data_json);
    times.add(record.known.updated_at_ms);
    deleted.add(record.known.deleted);
    versions.add(record.version);
  }
  if (is_empty) return;
  connection_.run(
      "WITH given AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[],"
      " $7::boolean[], $8::bigint[])"
      " AS g (entity_no, external_id, sequence, generation, data, updated_at_ms, deleted, version)),"
      " keys AS (INSERT INTO integrations.record_keys (tenant_id, entity_no, external_id, sequence, generation, deleted)"
      " SELECT $9::uuid, entity_no, external_id, sequence, generation, deleted FROM given)"
      " INSERT INTO integrations.records (tenant_id, config_id, sequence, entity_no, external_id, data, updated_at_ms,"
      " deleted, version, source, plugin_version)"
      " SELECT $9::uuid, $10::uuid, sequence, entity_no, external_id, data::json, updated_at_ms, deleted, version, $11, $12"
      " FROM given",
      entities, ids, sequences, generations, data, times, deleted, versions, page_.tenant_id, page_.config_id, page_.source,
      page_.plugin_version);
}

void PageCommit::write_changed() {
  Array entities, ids, old_sequences, sequences, generations, data, times, deleted, versions;
  bool is_empty = true;
  for (const Record& record : records_) {
    if (record.is_new || !record.is_changed) continue;
    is_empty = false;
    entities.add(entities_[record.entity].entity_no);
    ids.add(record.external_id);
    old_sequences.add(record.old_sequence);
    sequences.add(record.sequence);
    generations.add(record.generation);
    data.add(record.has_new_data ? std::optional(record.known.data_json) : std::nullopt);  // a tombstone keeps what it was
    times.add(record.known.updated_at_ms);
    deleted.add(record.known.deleted);
    versions.add(record.version);
  }
  if (is_empty) return;
  connection_.run(
      "WITH given AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],"
      " $6::text[], $7::bigint[], $8::boolean[], $9::bigint[])"
      " AS g (entity_no, external_id, old_sequence, sequence, generation, data, updated_at_ms, deleted, version)),"
      " keys AS (UPDATE integrations.record_keys k SET sequence = g.sequence, generation = g.generation,"
      " deleted = g.deleted FROM given g WHERE k.entity_no = g.entity_no AND k.external_id = g.external_id)"
      " UPDATE integrations.records r SET sequence = g.sequence, data = coalesce(g.data::json, r.data),"
      " updated_at_ms = g.updated_at_ms, deleted = g.deleted, version = g.version, source = $11, plugin_version = $12"
      " FROM given g WHERE r.config_id = $10::uuid AND r.sequence = g.old_sequence",
      entities, ids, old_sequences, sequences, generations, data, times, deleted, versions, page_.config_id, page_.source,
      page_.plugin_version);
}

void PageCommit::write_seen() {
  Array entities, ids, generations;
  bool is_empty = true;
  for (const Record& record : records_) {
    if (record.is_new || record.is_changed || !record.is_seen) continue;
    is_empty = false;
    entities.add(entities_[record.entity].entity_no);
    ids.add(record.external_id);
    generations.add(record.generation);
  }
  if (is_empty) return;
  connection_.run(
      "UPDATE integrations.record_keys k SET generation = g.generation"
      " FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS g (entity_no, external_id, generation)"
      " WHERE k.entity_no = g.entity_no AND k.external_id = g.external_id",
      entities, ids, generations);
}

void PageCommit::write_confirmed() {
  Array sequences, times;
  bool is_empty = true;
  for (const Record& record : records_) {
    if (record.is_new || record.is_changed || !record.is_confirmed) continue;
    is_empty = false;
    sequences.add(record.sequence);
    times.add(record.known.updated_at_ms);
  }
  if (is_empty) return;
  connection_.run("UPDATE integrations.records r SET updated_at_ms = g.updated_at_ms"
                  " FROM unnest($1::bigint[], $2::bigint[]) AS g (sequence, updated_at_ms)"
                  " WHERE r.config_id = $3::uuid AND r.sequence = g.sequence",
                  sequences, times, page_.config_id);
}

/// In batches by key, onwards: what was removed stays in the index until the transaction ends.
void PageCommit::remove_unseen(Entity& entity) {
  std::string after;
  std::int64_t removed_count = k_unseen_batch_max;
  while (removed_count == k_unseen_batch_max) {
    const Rows rows = connection_.query(
        "WITH unseen AS MATERIALIZED (SELECT external_id, sequence AS old_sequence,"
        " $4::bigint + row_number() OVER (ORDER BY external_id) AS sequence FROM integrations.record_keys"
        " WHERE entity_no = $2 AND external_id > $3 AND NOT deleted AND generation < $5"
        " ORDER BY external_id LIMIT $6),"
        " keys AS (UPDATE integrations.record_keys k SET sequence = u.sequence, generation = $5, deleted = true"
        " FROM unseen u WHERE k.entity_no = $2 AND k.external_id = u.external_id),"
        " buried AS (UPDATE integrations.records r SET sequence = u.sequence, deleted = true, version = version + 1,"
        " source = $7, plugin_version = $8 FROM unseen u WHERE r.config_id = $1::uuid AND r.sequence = u.old_sequence)"
        " SELECT count(*), max(external_id) FROM unseen",
        page_.config_id, entity.entity_no, after, last_sequence_, page_.generation, k_unseen_batch_max, page_.source,
        page_.plugin_version);
    if (rows.empty()) return;
    removed_count = rows.front().integer(0);
    after = rows.front().text(1);
    last_sequence_ += removed_count;
    outcome_.deleted_count += removed_count;
    entity.live_change -= removed_count;
  }
}

void PageCommit::write_states(std::int64_t sequence_before) {
  Array entities, live_changes, since;
  bool is_empty = true;
  for (const Entity& entity : entities_) {
    if (entity.live_change == 0 && !entity.since) continue;
    is_empty = false;
    entities.add(entity.entity_no);
    live_changes.add(entity.live_change);
    since.add(entity.since);
  }
  if (is_empty && last_sequence_ == sequence_before) return;
  connection_.run("WITH moved AS (UPDATE integrations.record_sequences SET last = $2 WHERE config_id = $1)"
                  " UPDATE integrations.sync_state s SET live_count = s.live_count + g.live_change,"
                  " since = coalesce(g.since, s.since)"
                  " FROM unnest($3::bigint[], $4::bigint[], $5::text[]) AS g (entity_no, live_change, since)"
                  " WHERE s.entity_no = g.entity_no",
                  page_.config_id, last_sequence_, entities, live_changes, since);
}

Result<void> PageCommit::finish_sync() {
  const auto received_count = static_cast<std::int64_t>(page_.changes.size());
  const std::int64_t updated_count = connection_.run(
      "UPDATE integrations.sync_operations SET records_processed = records_processed + $1,"
      " records_successful = records_successful + $2, records_changed = records_changed + $3,"
      " records_deleted = records_deleted + $4, records_failed = records_failed + $5, cursor = $6"
      " WHERE sync_id = $7 AND tenant_id = $8 AND config_id = $9",
      received_count + page_.rejected_count, outcome_.changed_count + outcome_.unchanged_count, outcome_.changed_count,
      outcome_.deleted_count, page_.rejected_count, page_.cursor, page_.sync_id, page_.tenant_id, page_.config_id);
  if (updated_count == 0) return fail(Errc::not_found, "there is no sync " + page_.sync_id);
  return {};
}

}  // namespace

Result<PageOutcome> commit_page(Connection& connection, const Page& page) { return PageCommit(connection, page).run(); }

}  // namespace tomada::store::postgres
