// One PostgreSQL connection with its prepared statements, and a transaction on it; the only code of ours that calls
// libpqxx. Nothing here throws.
#pragma once

#include "host/base/assert.hpp"
#include "host/base/result.hpp"
#include "host/store/postgres/address.hpp"
#include "host/store/postgres/array.hpp"

#include <pqxx/connection>
#include <pqxx/errorhandler>
#include <pqxx/nontransaction>
#include <pqxx/result>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

namespace tomada::store::postgres {

/// A statement's text: always a literal, so that its address can be the key of the cache.
struct Sql {
  consteval Sql(const char* literal) : text(literal) {}  // NOLINT: a literal is meant to become one silently
  const char* text;
};


/// One value for $1, $2, … in PostgreSQL's text form. Text is made valid for the server: what is not UTF-8, and NUL,
/// becomes U+FFFD.
struct Parameter {
  Parameter(std::string_view value);  // NOLINT: each kind of value becomes one silently
  Parameter(const std::string& value) : Parameter(std::string_view(value)) {}  // NOLINT
  Parameter(const char* value) : Parameter(std::string_view(value)) {}         // NOLINT
  Parameter(std::nullptr_t) : is_null(true) {}                                 // NOLINT
  Parameter(Blob value);                                                       // NOLINT
  Parameter(const Array& value);                                                 // NOLINT
  Parameter(bool value) : text(value ? "t" : "f") {}                           // NOLINT
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  Parameter(T value) : text(std::to_string(value)) {}  // NOLINT
  template <class T>
  Parameter(const std::optional<T>& value) : Parameter(value ? Parameter(*value) : Parameter(nullptr)) {}  // NOLINT

  std::string text;
  bool is_null{false};
};

/// An id that may be absent: an empty one is NULL.
inline Parameter id_or_null(std::string_view id) { return id.empty() ? Parameter(nullptr) : Parameter(id); }

/// A row of a result; valid while the Rows live. Reading NULL as a number gives 0, as text "".
class Row {
 public:
  Row(const pqxx::result& result, pqxx::result::size_type number) : row_(result[number]) {}
  [[nodiscard]] bool is_null(int column) const { return row_[column].is_null(); }
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const;
  [[nodiscard]] bool boolean(int column) const { return view(column) == "t"; }
  [[nodiscard]] std::string_view view(int column) const { return {row_[column].c_str(), row_[column].size()}; }
  [[nodiscard]] std::string text(int column) const { return std::string(view(column)); }
  [[nodiscard]] std::string bytes(int column) const;  // of a bytea

 private:
  pqxx::row row_;
};

/// All rows of a statement; none after a failure.
class Rows {
 public:
  Rows() = default;
  explicit Rows(pqxx::result result) : result_(std::move(result)) {}
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(result_.size()); }
  [[nodiscard]] bool empty() const { return result_.empty(); }
  [[nodiscard]] Row operator[](std::size_t number) const {
    return {result_, static_cast<pqxx::result::size_type>(number)};
  }
  [[nodiscard]] Row front() const { return (*this)[0]; }
  [[nodiscard]] std::int64_t affected() const { return static_cast<std::int64_t>(result_.affected_rows()); }

  class Iterator {
   public:
    Iterator(const Rows& rows, std::size_t number) : rows_(rows), number_(number) {}
    Row operator*() const { return rows_[number_]; }
    Iterator& operator++() {
      ++number_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return number_ != other.number_; }

   private:
    const Rows& rows_;
    std::size_t number_;
  };
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size()}; }

 private:
  pqxx::result result_;
};

/// Why a statement failed, as far as the transaction's owner must tell them apart.
enum class Trouble {
  none,
  statement,   // the same statement would fail again
  contention,  // deadlock or serialization: the same transaction may succeed now
  connection,  // it is gone; nothing of an open transaction stays
};

/* Used by one thread at a time.
 * Failures are sticky, as in sqlite/: the first one stays, everything after it does nothing and finds nothing, and
 * whoever runs the transaction takes it at the end (take_error) and rolls back. */
class Connection {
 public:
  struct Options {
    std::chrono::milliseconds statement_timeout{30'000};  // 0: none
    /// Statements go along indexes, in their order, by a plan that is made once. For those that want a few of what may be a
    /// million rows: the planner's statistics are old when rows just came, and it would read all of them.
    bool follows_indexes{false};
  };
  static Result<std::unique_ptr<Connection>> open(const Address& address, Options options);

  /// A prepared statement.
  template <class... Values>
  Rows query(Sql sql, const Values&... values) {
    const std::array<Parameter, sizeof...(Values)> parameters{Parameter(values)...};
    return execute_prepared(sql, parameters);
  }
  /// The same for one whose rows do not matter: how many were changed.
  template <class... Values>
  std::int64_t run(Sql sql, const Values&... values) {
    return query(sql, values...).affected();
  }
  /// Any text of several statements, in one round trip; not prepared. The rows are those of the last one.
  Rows execute(const std::string& script);

  [[nodiscard]] bool has_error() const { return error_.has_value(); }
  /// Of the last error, also after it was taken, until forget_trouble().
  [[nodiscard]] Trouble trouble() const { return trouble_; }
  void forget_trouble() { trouble_ = Trouble::none; }
  [[nodiscard]] std::optional<Error> take_error();
  [[nodiscard]] Result<void> take_result();
  [[nodiscard]] pqxx::connection& handle() { return *handle_; }

 private:
  explicit Connection(std::unique_ptr<pqxx::connection> handle);

  Rows execute_prepared(Sql sql, std::span<const Parameter> parameters);
  template <class F>
  Rows guarded(F fn);
  const std::string& prepared(Sql sql);
  void keep_error(const std::exception& exception);

  std::unique_ptr<pqxx::connection> handle_;
  std::unique_ptr<pqxx::quiet_errorhandler> quiet_;  // libpqxx prints notices otherwise
  std::unique_ptr<pqxx::nontransaction> session_;
  std::unordered_map<const char*, std::string> names_;
  std::optional<Error> error_;
  Trouble trouble_{Trouble::none};
};

}  // namespace tomada::store::postgres
