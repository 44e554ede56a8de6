#include "host/store/copy/source.hpp"

#include "host/base/assert.hpp"
#include "host/base/encoding.hpp"
#include "host/store/postgres/array.hpp"
#include "host/store/sqlite/schema.hpp"

#include <chrono>
#include <utility>

namespace tomada::store::copying {
namespace {

bool is_plain(std::string_view text) {
  return text.find('\0') == std::string_view::npos && is_utf8(text);
}

}  // namespace

Result<Source> Source::open(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    return fail(Errc::invalid_config, "there is no file " + file.string());
  if (std::filesystem::file_size(file, error) == 0)  // SQLite would take it for a new database
    return fail(Errc::invalid_config, "there is no store in " + file.string() + ": it is empty");
  std::filesystem::path lock_file = file;
  lock_file += ".lock";
  TOMADA_TRY_ASSIGN(auto lock, sqlite::FileLock::take(lock_file));
  const auto opened = [&]() -> Result<std::unique_ptr<sqlite::Connection>> {
    TOMADA_TRY_ASSIGN(auto connection, sqlite::Connection::open(file, {}));
    TOMADA_TRY(sqlite::check_file(*connection));
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    TOMADA_TRY(sqlite::migrate(*connection, std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
    return connection;
  };
  auto connection = opened();
  if (connection.has_error()) return std::move(connection).error().within(file.string());
  return Source(std::move(lock), *std::move(connection));
}

Result<std::string> Source::fingerprint() {
  // Whatever a host does, it moves one of these (a pin has no time: its version's digits). The first names the file: when
  // it was made.
  auto query = connection_->prepare(
      "SELECT (SELECT min(applied_at_ms) FROM schema_migrations) || '/' || (SELECT max(version) FROM schema_migrations)"
      " || '/' || (SELECT count(*) FROM tenants) || '/' || (SELECT count(*) FROM api_keys)"
      " || '/' || (SELECT count(*) || '+' || total(approved_at_ms) FROM allowed_plugins) || '/' || (SELECT count(*) || '+' || total(version) || '+' ||"
      " coalesce(max(updated_at_ms), 0) FROM api_configurations)"
      " || '/' || (SELECT count(*) || '+' || total(version) FROM apps) || '/' || (SELECT last FROM record_sequence)"
      " || '/' || (SELECT total(generation) FROM sync_state) || '/' || (SELECT count(*) FROM sync_operations)"
      " || '/' || (SELECT count(*) || '+' || total(fencing_token) || '+' || total(due_at_ms) FROM jobs)"
      " || '/' || (SELECT count(*) FROM plugin_values) || '/' || (SELECT total FROM webhook_payload_bytes)"
      " || '/' || (SELECT coalesce(max(webhook_id), 0) FROM webhook_payloads)"
      " || '/' || (SELECT count(*) || '+' || total(installed_at_ms) FROM plugin_versions)"
      " || '/' || (SELECT count(*) || '+' || total(chosen_at_ms) FROM plugin_choices)"
      " || '/' || (SELECT count(*) || '+' || total(CAST(replace(version, '.', '') AS INTEGER)) FROM plugin_pins)"
      " || '/' || (SELECT count(*) || '+' || total(since_ms) FROM plugin_quarantines)"
      " || '/' || (SELECT total(last) FROM event_sequences)"
      " || '/' || (SELECT count(*) || '+' || total(request_count) || '+' || total(last_request_at_ms) FROM rate_limit_tracking)"
      " || '/' || (SELECT count(*) || '+' || total(updated_at_ms) FROM rate_limit_learned)"
      " || '/' || (SELECT count(*) || '+' || total(failure_count) || '+' || total(success_count) || '+' ||"
      " total(state_changed_at_ms) FROM circuit_breaker_status)");
  std::string fingerprint = query.step() ? query.text(0) : std::string();
  TOMADA_TRY(connection_->take_result());
  return fingerprint;
}

Result<std::int64_t> Source::count(const Table& table) {
  auto query = connection_->prepare(table.count);
  const std::int64_t count = query.step() ? query.integer(0) : 0;
  TOMADA_TRY(connection_->take_result());
  return count;
}

SourceRows::SourceRows(Source& source, const Table& table, const Key& after)
    : connection_(source.connection()), table_(table), after_(after), statement_(connection_.prepare(table.rows)) {
  TOMADA_ASSERT(table.columns.size() <= k_columns_max && after_.size() == static_cast<std::size_t>(table.keys_count));
  TOMADA_ASSERT(after_.size() <= k_keys_max);
  row_.count = table.columns.size();
  for (std::size_t i = 0; i < after_.size(); ++i) bound_[i] = bound(table, after_, i);
  if (after_.size() == 1) statement_.bind(bound_[0]);
  else if (after_.size() == 2) statement_.bind(bound_[0], bound_[1]);
  else statement_.bind(bound_[0], bound_[1], bound_[2]);
}

bool SourceRows::next() {
  if (error_ || !statement_.step()) return false;
  read();
  return !error_;
}

void SourceRows::read() {
  for (std::size_t i = 0; i < row_.count; ++i) {
    const Column& column = table_.columns[i];
    const int number = static_cast<int>(i);
    // Before view(), which turns a number into its text.
    if (column.null == Null::yes && !statement_.optional_integer(number)) {
      row_.cells[i].reset();
      continue;
    }
    row_.cells[i] = statement_.view(number);
    if (column.kind == Kind::hash) {
      changed_[i] = hex_encode(*row_.cells[i]);
      row_.cells[i] = changed_[i];
      continue;
    }
    const bool is_text = column.kind == Kind::text || column.kind == Kind::json;
    if (!is_text || is_plain(*row_.cells[i])) continue;
    changed_[i].clear();
    postgres::append_valid_utf8(changed_[i], *row_.cells[i]);
    row_.cells[i] = changed_[i];
    ++texts_changed_;
    if (number < table_.keys_count && !error_)
      error_ = fail(Errc::invalid_data, std::string(table_.name) + ": " + column.name + " \"" + changed_[i] +
                                            "\" is not UTF-8 (or has a NUL) in the file; PostgreSQL cannot hold it");
  }
}

Result<void> SourceRows::take_result() {
  TOMADA_TRY(connection_.take_result());
  if (error_) return *std::exchange(error_, std::nullopt);
  return {};
}

}  // namespace tomada::store::copying
