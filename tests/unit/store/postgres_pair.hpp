// Two hosts on one PostgreSQL database.
#pragma once

#include "host/store/postgres/open.hpp"
#include "tests/support/postgres_database.hpp"
#include "tests/support/store_fixture.hpp"

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>

namespace tomada::store::testing {

struct PostgresPair : ::testing::Test {
  void SetUp() override {
    auto made = PostgresDatabase::create();
    ASSERT_TRUE(made.has_value()) << made.error().message;
    database.emplace(*std::move(made));
    for (auto* store : {&one, &two}) {
      auto opened = postgres::open({.url = database->url()});
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      *store = *std::move(opened);
    }
    tenant = add_tenant(*one, "acme");
    integration = add_integration(*one, tenant.tenant_id);
  }

  /// A statement outside of the stores, with the rights of their role; its first value.
  std::string ask(const std::string& statement) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(database->url().c_str()), &PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> scope(PQexec(connection.get(), "SET tomada.tenant_id = '*'"), &PQclear);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), statement.c_str()), &PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    EXPECT_TRUE(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) << PQerrorMessage(connection.get());
    return PQntuples(result.get()) == 0 ? std::string() : PQgetvalue(result.get(), 0, 0);
  }

  std::optional<PostgresDatabase> database;
  std::unique_ptr<Store> one, two;
  Tenant tenant;
  Integration integration;
};

}  // namespace tomada::store::testing
