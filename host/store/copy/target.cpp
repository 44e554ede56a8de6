#include "host/store/copy/target.hpp"

#include "host/store/postgres/occupancy.hpp"
#include "host/store/postgres/schema.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tomada::store::copying {
namespace {

constexpr std::size_t k_fetch_rows_max = 1'000;
constexpr std::size_t k_fetch_bytes = 2 * 1024 * 1024;

std::string literal(std::string_view text) {
  std::string out = "'";
  out.reserve(text.size() + 16);
  for (std::size_t quote = text.find('\''); quote != std::string_view::npos; quote = text.find('\'')) {
    out += text.substr(0, quote + 1);
    out += '\'';
    text.remove_prefix(quote + 1);
  }
  out += text;
  return out + '\'';
}

std::string literal(const Key& key) {
  postgres::Array array;
  for (const std::string& value : key) array.add(value);
  return literal(std::move(array).text());
}

/// Those of a store, and what is not copied: a sum that settle() makes, and the cache, which a host fills again by itself.
std::set<std::string> relations() {
  std::set<std::string> names{"webhook_payload_changes", "cache_sizes", "cache_entries"};
  for (const Table& table : tables()) names.insert(table.relation);
  return names;
}

}  // namespace

void Batch::add(const Row& row) {
  for (std::size_t i = 0; i < row.count; ++i) {
    const auto& cell = row.cells[i];
    if (!cell) {
      arrays_[i].add_null();
      continue;
    }
    bytes_ += cell->size();
    if (table_.columns[i].kind == Kind::bytes) arrays_[i].add(postgres::Blob{*cell});
    else arrays_[i].add(*cell);
  }
  ++rows_;
  last_key_ = key_of(table_, row);
}

std::string Batch::statement() const {
  std::string text = target_insert_head(table_);
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    if (i > 0) text += ", ";
    text += literal(arrays_[i].text()) + array_type(table_.columns[i].kind);
  }
  return text + target_insert_tail(table_);
}

Result<Target> Target::open(const std::string& url) {
  TOMADA_TRY_ASSIGN(auto address, postgres::parse_address(url));
  TOMADA_TRY_ASSIGN(auto connection, postgres::Connection::open(address, {.statement_timeout = std::chrono::milliseconds(0)}));
  Target target(address.shown, std::move(connection));
  const auto prepare = [&]() -> Result<void> {
    TOMADA_TRY(postgres::enter_alone(target.connection()));
    TOMADA_TRY(postgres::migrate(target.connection()));
    // Every tenant's rows. Batches need not wait for the disk: each stands in the log before the next, with how far the
    // copy was then, and the last commit of all waits for it.
    return target.run(
        "SELECT set_config('tomada.tenant_id', '*', false); SET standard_conforming_strings = on;"
        " SET idle_in_transaction_session_timeout = 0; SET synchronous_commit = off");
  };
  auto prepared = prepare();
  if (prepared.has_error()) return std::move(prepared).error().within(target.shown());
  return target;
}

Result<void> Target::run(const std::string& script) {
  connection_->execute(script);
  auto error = connection_->take_error();
  if (!error) return {};
  connection_->execute("ROLLBACK");
  (void)connection_->take_error();
  return std::move(*error);
}

Result<std::optional<Target::Whole>> Target::whole() {
  const postgres::Rows rows =
      connection_->execute("SELECT state = 'complete', source, fingerprint FROM integrations.store_copy WHERE table_name = ''");
  TOMADA_TRY(connection_->take_result());
  if (rows.empty()) return std::optional<Whole>();
  const postgres::Row row = rows.front();
  return std::optional(Whole{.complete = row.boolean(0), .source = row.text(1), .fingerprint = row.text(2)});
}

Result<void> Target::require_empty() {
  for (const std::string& relation : relations()) {
    const postgres::Rows rows = connection_->execute("SELECT 1 FROM integrations." + relation + " LIMIT 1");
    TOMADA_TRY(connection_->take_result());
    if (!rows.empty())
      return fail(Errc::conflict, shown_ + " has rows of its own (in integrations." + relation +
                                      "); a store is copied into an empty database only");
  }
  return {};
}

Result<void> Target::clear() {
  std::string names = "integrations.store_copy";
  for (const std::string& relation : relations()) names += ", integrations." + relation;
  return run("TRUNCATE " + names + " RESTART IDENTITY");
}

Result<void> Target::begin(const std::string& source, const std::string& fingerprint) {
  return run("INSERT INTO integrations.store_copy (table_name, state, source, fingerprint) VALUES ('', 'copying', " +
             literal(source) + ", " + literal(fingerprint) + ")");
}

Result<Target::Part> Target::part(const Table& table) {
  const postgres::Rows rows = connection_->execute(
      "SELECT state <> 'copying', rows, sha256, last_key IS NOT NULL, last_key[1], last_key[2], last_key[3] FROM integrations.store_copy"
      " WHERE table_name = " + literal(table.name));
  TOMADA_TRY(connection_->take_result());
  if (rows.empty()) return Part{};
  const postgres::Row row = rows.front();
  Part part{.copied = row.boolean(0), .rows = row.integer(1), .sha256 = row.text(2), .last_key = std::nullopt};
  if (row.boolean(3)) {
    part.last_key.emplace();
    for (int i = 0; i < table.keys_count; ++i) part.last_key->push_back(row.text(4 + i));
  }
  return part;
}

Result<void> Target::write(const Table& table, const Batch& batch, std::int64_t rows, bool is_last) {
  std::string script = "BEGIN; ";
  if (batch.rows() > 0) script += batch.statement() + "; ";
  script += std::string("INSERT INTO integrations.store_copy (table_name, state, rows, last_key) VALUES (") + literal(table.name) +
            (is_last ? ", 'copied', " : ", 'copying', ") + std::to_string(rows) + ", " +
            (batch.rows() > 0 ? literal(batch.last_key()) : "NULL") +
            ") ON CONFLICT (table_name) DO UPDATE SET state = EXCLUDED.state, rows = EXCLUDED.rows,"
            " last_key = coalesce(EXCLUDED.last_key, store_copy.last_key), updated_at = now(); COMMIT";
  auto written = run(script);
  if (written.has_error())
    return std::move(written).error().within(std::string(table.name) + ", the rows up to " + copying::shown(table, batch.last_key()));
  return {};
}

Result<void> Target::settle() {
  TOMADA_TRY(run(
      "BEGIN; SELECT setval(pg_get_serial_sequence('integrations.sync_state', 'entity_no'),"
      " coalesce(max(entity_no), 0) + 1, false) FROM integrations.sync_state;"
      " DELETE FROM integrations.webhook_payload_changes;"
      " INSERT INTO integrations.webhook_payload_changes (bytes)"
      " SELECT coalesce(sum(octet_length(headers) + octet_length(body)), 0) FROM integrations.webhook_payloads; COMMIT"));
  // The first host plans its statements by what the tables hold.
  std::string names;
  for (const std::string& relation : relations()) names += (names.empty() ? "integrations." : ", integrations.") + relation;
  return run("ANALYZE " + names);
}

Result<std::int64_t> Target::check(const Table& table) {
  if (table.check == nullptr) return std::int64_t{0};
  const postgres::Rows rows = connection_->execute(table.check);
  TOMADA_TRY(connection_->take_result());
  return rows.empty() ? std::int64_t{0} : rows.front().integer(0);
}

Result<void> Target::keep_hash(const Table& table, const std::string& sha256) {
  return run("UPDATE integrations.store_copy SET sha256 = " + literal(sha256) + ", updated_at = now() WHERE table_name = " +
             literal(table.name));
}

Result<void> Target::complete() {
  return run("SET synchronous_commit = on; UPDATE integrations.store_copy SET state = 'complete', updated_at = now()");
}

TargetRows::TargetRows(Target& target, const Table& table) : connection_(target.connection()), table_(table) {
  row_.count = table.columns.size();
  connection_.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; DECLARE copied NO SCROLL CURSOR FOR " +
                      target_select(table));
}

TargetRows::~TargetRows() {
  // Nothing was written; an error that nobody took would stop what comes next.
  (void)connection_.take_error();
  connection_.execute("ROLLBACK");
  (void)connection_.take_error();
}

bool TargetRows::next() {
  if (position_ == rows_.size()) {
    rows_ = connection_.execute("FETCH " + std::to_string(fetch_) + " FROM copied");
    position_ = 0;
    if (rows_.empty()) return false;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i)
      for (std::size_t column = 0; column < row_.count; ++column) bytes += rows_[i].view(static_cast<int>(column)).size();
    if (bytes > k_fetch_bytes) fetch_ = std::max<std::size_t>(fetch_ / 2, 1);
    else if (bytes < k_fetch_bytes / 4) fetch_ = std::min(fetch_ * 2, k_fetch_rows_max);
  }
  const postgres::Row from = rows_[position_++];
  for (std::size_t i = 0; i < row_.count; ++i) {
    const int column = static_cast<int>(i);
    if (from.is_null(column)) {
      row_.cells[i].reset();
    } else if (table_.columns[i].kind == Kind::bytes) {
      bytes_[i] = from.bytes(column);
      row_.cells[i] = bytes_[i];
    } else {
      row_.cells[i] = from.view(column);
    }
  }
  return true;
}

}  // namespace tomada::store::copying
