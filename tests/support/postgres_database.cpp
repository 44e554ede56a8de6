#include "tests/support/postgres_database.hpp"

#include "host/base/uuid.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <utility>

namespace tomada::store::testing {
namespace {

Result<void> execute(const std::string& server, const std::string& statement) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb((server + "/postgres").c_str()), &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), statement.c_str()), &PQclear);
  if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) return {};
  return fail(Errc::unavailable, std::string("the test server: ") + PQerrorMessage(connection.get()));
}

}  // namespace

Result<PostgresDatabase> PostgresDatabase::create() {
  std::string server;
  std::getline(std::ifstream(TOMADA_TEST_POSTGRES_URL_FILE) >> std::ws, server);
  if (server.empty())
    return fail(Errc::unavailable,
                "no test server runs; ctest starts one by itself, or run tests/support/postgres.sh start FOLDER with the "
                "folder of " TOMADA_TEST_POSTGRES_URL_FILE);
  std::string name = "test_" + make_uuid_v7(std::chrono::system_clock::now());
  std::replace(name.begin(), name.end(), '-', '_');
  TOMADA_TRY(execute(server, "CREATE DATABASE " + name));
  return PostgresDatabase(std::move(server), std::move(name));
}

PostgresDatabase::PostgresDatabase(PostgresDatabase&& other) noexcept
    : server_(std::move(other.server_)), name_(std::exchange(other.name_, {})) {}

PostgresDatabase::~PostgresDatabase() {
  if (!name_.empty()) (void)execute(server_, "DROP DATABASE " + name_ + " WITH (FORCE)");
}

}  // namespace tomada::store::testing
