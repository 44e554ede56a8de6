// One SQLite connection with its prepared statements; the only code of ours that calls the library's C functions.
#pragma once

#include "host/base/result.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

namespace tomada::store::sqlite {

class Connection;

/// A statement's text: always a literal, so that its address can be the key of the cache.
struct Sql {
  consteval Sql(const char* literal) : text(literal) {}  // NOLINT: a literal is meant to become one silently
  const char* text;
};

/// Bytes that are not text.
struct Blob {
  std::string_view bytes;
};

/// A cached prepared statement, borrowed; it goes back, reset, when this object ends. What is bound is borrowed until
/// then. Failures are kept by the connection (see there): after one, step() is false and columns are empty.
class Statement {
 public:
  Statement(Connection& connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Starts over with these values for ?1, ?2, …; then step().
  template <class... Values>
  Statement& bind(const Values&... values) {
    reset();
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// bind() and the first step(): true when there is a row.
  template <class... Values>
  bool first(const Values&... values) {
    return bind(values...).step();
  }
  /// bind(), runs to the end, returns how many rows changed.
  template <class... Values>
  std::int64_t run(const Values&... values) {
    bind(values...);
    return run_to_end();
  }
  bool step();
  /// Ends the reading; columns are gone.
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const;
  /// Valid until the next step().
  [[nodiscard]] std::string_view view(int column) const;
  [[nodiscard]] std::string text(int column) const { return std::string(view(column)); }

 private:
  std::int64_t run_to_end();
  void bind_one(int index, std::string_view value);
  void bind_one(int index, const std::string& value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, const char* value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, Blob value);
  void bind_one(int index, std::nullptr_t);
  template <class T>
    requires std::is_integral_v<T>
  void bind_one(int index, T value) { bind_integer(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, const std::optional<std::int64_t>& value) {
    value ? bind_integer(index, *value) : bind_one(index, nullptr);
  }
  void bind_integer(int index, std::int64_t value);
  void check(int code);

  Connection& connection_;
  sqlite3_stmt* statement_;
};

/// What several pieces of work in one transaction share: found or added up once for all of them.
class Shared {
 public:
  /// The transaction's last statements.
  virtual void before_commit(Connection& connection) = 0;
  /// Committed or not, it is over.
  virtual void ended(bool committed) = 0;

 protected:
  ~Shared() = default;
};

/* Used by one thread at a time.
 * Failures are sticky: the first one stays, everything after it does nothing, and whoever runs the unit of work takes
 * it at the end (take_error) and rolls back. So the queries read as straight lines, without exceptions, and a value
 * that was not read because of a failure never reaches a caller. */
class Connection {
 public:
  enum class Access { read, write };
  struct Options {
    Access access{Access::write};
    int busy_timeout_ms{1000};
  };
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& file, Options options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Asserts that the same statement is not in use already.
  [[nodiscard]] Statement prepare(Sql sql);
  /// The common case: one statement, run to its end; how many rows changed.
  template <class... Values>
  std::int64_t run(Sql sql, const Values&... values) {
    return prepare(sql).run(values...);
  }
  /// Any text of several statements; not cached.
  void execute(const std::string& script);

  [[nodiscard]] bool has_error() const { return error_.has_value(); }
  [[nodiscard]] std::optional<Error> take_error();
  [[nodiscard]] Result<void> take_result();
  /// For this transaction: `shared` is told before it is committed and when it is over. One for each connection.
  void share(Shared& shared);
  /// By who runs the transactions.
  void before_commit();
  void ended(bool committed);
  /// False also after SQLite rolled everything back by itself (disk full, I/O error).
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  [[nodiscard]] std::int64_t changes_total() const { return sqlite3_total_changes64(handle_); }
  [[nodiscard]] sqlite3* handle() { return handle_; }

 private:
  friend class Statement;
  explicit Connection(sqlite3* handle) : handle_(handle) {}
  void keep_error(int code);

  sqlite3* handle_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  std::optional<Error> error_;
  Shared* shared_{nullptr};
};

}  // namespace tomada::store::sqlite
