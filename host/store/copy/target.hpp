// The PostgreSQL database that is copied into, for the copy alone while this lives.
#pragma once

#include "host/store/copy/row.hpp"
#include "host/store/postgres/connection.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store::copying {

/// The rows of one transaction on the target, gathered.
class Batch {
 public:
  explicit Batch(const Table& table) : table_(table), arrays_(table.columns.size()) {}
  void add(const Row& row);
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] const Key& last_key() const { return last_key_; }
  /// The statement that inserts them all.
  [[nodiscard]] std::string statement() const;

 private:
  const Table& table_;
  std::vector<postgres::Array> arrays_;
  std::size_t rows_{0}, bytes_{0};
  Key last_key_;
};

class Target {
 public:
  /// As copy() says.
  static Result<Target> open(const std::string& url);

  struct Whole {
    bool complete{false};
    std::string source, fingerprint;
  };
  /// nullopt: no copy was ever begun here.
  Result<std::optional<Whole>> whole();
  /// CONFLICT, naming a table, unless all are empty.
  Result<void> require_empty();
  Result<void> clear();
  Result<void> begin(const std::string& source, const std::string& fingerprint);

  struct Part {
    bool copied{false};
    std::int64_t rows{0};
    std::string sha256;
    std::optional<Key> last_key;
  };
  Result<Part> part(const Table& table);
  /// The batch and how far the table is now, together or not at all. `rows`: of the table.
  Result<void> write(const Table& table, const Batch& batch, std::int64_t rows, bool is_last);
  /// After the last table: what follows from all of them.
  Result<void> settle();
  /// How many rows have derived columns that are wrong.
  Result<std::int64_t> check(const Table& table);
  Result<void> keep_hash(const Table& table, const std::string& sha256);
  Result<void> complete();

  [[nodiscard]] const std::string& shown() const { return shown_; }
  [[nodiscard]] postgres::Connection& connection() { return *connection_; }

 private:
  Target(std::string shown, std::unique_ptr<postgres::Connection> connection)
      : shown_(std::move(shown)), connection_(std::move(connection)) {}
  Result<void> run(const std::string& script);

  std::string shown_;
  std::unique_ptr<postgres::Connection> connection_;
};

/// All rows of one table in order, through a cursor; the transaction ends with this. One at a time.
class TargetRows {
 public:
  TargetRows(Target& target, const Table& table);
  ~TargetRows();
  TargetRows(const TargetRows&) = delete;
  TargetRows& operator=(const TargetRows&) = delete;

  bool next();
  [[nodiscard]] const Row& row() const { return row_; }
  Result<void> take_result() { return connection_.take_result(); }

 private:
  postgres::Connection& connection_;
  const Table& table_;
  std::size_t fetch_{16};  // so many that an answer has some MiB at most
  postgres::Rows rows_;
  std::size_t position_{0};
  Row row_;
  std::array<std::string, k_columns_max> bytes_;
};

}  // namespace tomada::store::copying
