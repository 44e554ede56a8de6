#include "host/store/sqlite/connection.hpp"

#include "host/base/assert.hpp"
#include "host/store/sqlite/wal_vfs.hpp"

#include <utility>

namespace tomada::store::sqlite {
namespace {

Error to_error(int code, const char* message) {
  const std::string text = message == nullptr ? sqlite3_errstr(code) : message;
  switch (code & 0xff) {
    case SQLITE_FULL: return fail(Errc::unavailable, "the disk of the database is full; nothing was written");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return fail(Errc::unavailable, "the database is locked by another program; nothing was written");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM: return fail(Errc::unavailable, "the database cannot be read or written: " + text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return fail(Errc::invalid_data, "the database file is damaged: " + text);
    case SQLITE_TOOBIG: return fail(Errc::invalid_data, "a value is too large for the database");
    case SQLITE_CONSTRAINT:
      if (code == SQLITE_CONSTRAINT_FOREIGNKEY) return fail(Errc::not_found, "it refers to something that does not exist");
      if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
        return fail(Errc::conflict, "there is one already: " + text);
      return fail(Errc::internal, "database: " + text);
    default: return fail(Errc::internal, "database: " + text);
  }
}

/// SQLite takes a null pointer for NULL; an empty view may have one.
const char* pointer_of(std::string_view bytes) { return bytes.data() == nullptr ? "" : bytes.data(); }

}  // namespace

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::reset() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
}

void Statement::check(int code) {
  if (code != SQLITE_OK) connection_.keep_error(code);
}

void Statement::bind_one(int index, std::string_view value) {
  if (statement_ != nullptr)
    check(sqlite3_bind_text64(statement_, index, pointer_of(value), value.size(), SQLITE_STATIC, SQLITE_UTF8));
}
void Statement::bind_one(int index, Blob value) {
  if (statement_ != nullptr)
    check(sqlite3_bind_blob64(statement_, index, pointer_of(value.bytes), value.bytes.size(), SQLITE_STATIC));
}
void Statement::bind_one(int index, std::nullptr_t) {
  if (statement_ != nullptr) check(sqlite3_bind_null(statement_, index));
}
void Statement::bind_integer(int index, std::int64_t value) {
  if (statement_ != nullptr) check(sqlite3_bind_int64(statement_, index, value));
}

bool Statement::step() {
  if (connection_.has_error() || statement_ == nullptr) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) connection_.keep_error(code);
  return false;
}

std::int64_t Statement::run_to_end() {
  if (connection_.has_error()) return 0;
  const std::int64_t before = sqlite3_total_changes64(connection_.handle_);
  while (step()) {
  }
  // Not sqlite3_changes(): a statement that is no write leaves that number as it was.
  const std::int64_t changed = sqlite3_total_changes64(connection_.handle_) - before;
  reset();
  return connection_.has_error() ? 0 : changed;
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string_view Statement::view(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& file, Options options) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, wal_vfs());
  if (code != SQLITE_OK) {
    Error error = to_error(code, handle == nullptr ? nullptr : sqlite3_errmsg(handle));
    sqlite3_close(handle);
    return error;
  }
  std::unique_ptr<Connection> connection(new Connection(handle));
  sqlite3_busy_timeout(handle, options.busy_timeout_ms);
  prepare_for_wal_vfs(handle);
  // FULL: wal_vfs.hpp asks for it too. Checkpoints happen elsewhere; temp_store: a savepoint's old pages must not become a file in /var/tmp.
  connection->execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=0;"
      "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST; PRAGMA cache_size=-16384; PRAGMA trusted_schema=OFF;");
  if (options.access == Access::read) connection->execute("PRAGMA query_only=ON;");
  TOMADA_TRY(connection->take_result());
  return connection;
}

Connection::~Connection() {
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
  const int code = sqlite3_close(handle_);
  TOMADA_ASSERT(code == SQLITE_OK);
}

Statement Connection::prepare(Sql sql) {
  if (has_error()) return {*this, nullptr};
  sqlite3_stmt*& statement = statements_[sql.text];
  if (statement == nullptr) {
    const int code = sqlite3_prepare_v3(handle_, sql.text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) keep_error(code);
  }
  TOMADA_ASSERT(statement == nullptr || sqlite3_stmt_busy(statement) == 0);
  return {*this, statement};
}

void Connection::execute(const std::string& script) {
  if (has_error()) return;
  const int code = sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) keep_error(code);
}

std::optional<Error> Connection::take_error() { return std::exchange(error_, std::nullopt); }

Result<void> Connection::take_result() {
  if (auto error = take_error()) return std::move(*error);
  return {};
}

void Connection::share(Shared& shared) {
  TOMADA_ASSERT(shared_ == nullptr || shared_ == &shared);
  shared_ = &shared;
}

void Connection::before_commit() {
  if (shared_ != nullptr && !has_error()) shared_->before_commit(*this);
}

void Connection::ended(bool committed) {
  if (Shared* shared = std::exchange(shared_, nullptr)) shared->ended(committed);
}

void Connection::keep_error(int code) {
  if (!error_) error_ = to_error(code, sqlite3_errmsg(handle_));
}

}  // namespace tomada::store::sqlite
