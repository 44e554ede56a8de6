// What an upgrade makes of the users' columns for limits.
#include "host/store/postgres/connection.hpp"
#include "host/store/postgres/schema.hpp"
#include "host/store/postgres/open.hpp"
#include "tests/support/postgres_database.hpp"
#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

TEST(PostgresUpgrade, LimitsThatNobodySetAreAbsentAfterwards) {
  auto made = PostgresDatabase::create();
  ASSERT_TRUE(made.has_value()) << made.error().message;
  {
    const auto raw = value_of(postgres::Connection::open(*postgres::parse_address(made->url()), {}));
    for (const postgres::Migration& migration : postgres::migrations()) {
      if (migration.version > 6) break;
      raw->execute(std::string("BEGIN; ") + migration.script + "; INSERT INTO integrations.schema_migrations (version, name)"
                   " VALUES (" + std::to_string(migration.version) + ", 'x'); COMMIT");
    }
    raw->execute("SELECT set_config('tomada.tenant_id', '*', false); INSERT INTO integrations.tenants VALUES"
                 " ('00000000-0000-7000-8000-000000000001', 'acme', now()); INSERT INTO integrations.api_configurations"
                 " (config_id, tenant_id, integration_name, provider_name, config_json, sealed_credentials, connection_status,"
                 " version) VALUES ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'one', 'x',"
                 " '{}', '', 'created', 1)");
    value_of(raw->take_result());
  }
  const auto store = value_of(postgres::open({.url = made->url()}));
  const auto found = value_of(on_loop([&](Task& task) {
    return store->integrations().find_any(task, "00000000-0000-7000-8000-000000000002");
  }));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->limits, CallLimits{});
}

}  // namespace
}  // namespace tomada::store::testing
