// The SQLite file that is copied, for itself alone while this lives.
#pragma once

#include "host/store/copy/row.hpp"
#include "host/store/sqlite/connection.hpp"
#include "host/store/sqlite/file_lock.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace tomada::store::copying {

class Source {
 public:
  /// Never makes a file. INVALID_CONFIG: it is not there. UNAVAILABLE: a host has it.
  static Result<Source> open(const std::filesystem::path& file);

  /// Another one after anything was changed in the file, and for another file.
  Result<std::string> fingerprint();
  Result<std::int64_t> count(const Table& table);
  [[nodiscard]] sqlite::Connection& connection() { return *connection_; }

 private:
  Source(sqlite::FileLock lock, std::unique_ptr<sqlite::Connection> connection)
      : lock_(std::move(lock)), connection_(std::move(connection)) {}
  sqlite::FileLock lock_;
  std::unique_ptr<sqlite::Connection> connection_;
};

/// The rows of one table after a key, in order. One for each table at a time.
class SourceRows {
 public:
  SourceRows(Source& source, const Table& table, const Key& after);
  /// False at the end, and after a failure.
  bool next();
  /// Valid until next().
  [[nodiscard]] const Row& row() const { return row_; }
  /// INVALID_DATA: a key that PostgreSQL cannot hold as it is.
  Result<void> take_result();
  [[nodiscard]] std::int64_t texts_changed() const { return texts_changed_; }

 private:
  void read();

  sqlite::Connection& connection_;
  const Table& table_;
  const Key after_;
  std::array<std::string, k_keys_max> bound_;
  sqlite::Statement statement_;
  Row row_;
  std::array<std::string, k_columns_max> changed_;  // of what is not as it stands in the file
  std::int64_t texts_changed_{0};
  std::optional<Error> error_;
};

}  // namespace tomada::store::copying
