// A database of its own on the test server (tests/support/postgres.sh), gone with the object.
#pragma once

#include "host/base/result.hpp"

#include <string>

namespace tomada::store::testing {

class PostgresDatabase {
 public:
  /// Fails when no test server runs; says how to start one.
  static Result<PostgresDatabase> create();
  ~PostgresDatabase();  // also ends the connections that others still have
  PostgresDatabase(PostgresDatabase&& other) noexcept;
  PostgresDatabase& operator=(PostgresDatabase&&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string url() const { return server_ + "/" + name_; }
  /// Of the server alone.
  [[nodiscard]] const std::string& server() const { return server_; }

 private:
  PostgresDatabase(std::string server, std::string name) : server_(std::move(server)), name_(std::move(name)) {}
  std::string server_, name_;  // empty name: moved from
};

}  // namespace tomada::store::testing
