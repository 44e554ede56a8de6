// What only the PostgreSQL store has: row-level security, several writers, addresses, its schema's own functions.
#include "host/store/postgres/connection.hpp"
#include "tests/unit/store/postgres_pair.hpp"

#include <algorithm>
#include <set>

namespace tomada::store::testing {
namespace {

using postgres::Address;
using postgres::Connection;
using postgres::Rows;
using postgres::parse_address;
using runtime::Task;

struct PostgresTest : PostgresPair {
  void SetUp() override {
    PostgresPair::SetUp();
    if (HasFatalFailure()) return;
    auto opened = Connection::open(*parse_address(database->url()), {});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    raw = *std::move(opened);
  }
  Rows sql(const std::string& script) {
    Rows rows = raw->execute(script);
    value_of(raw->take_result());
    return rows;
  }
  std::int64_t number(const std::string& script) {
    const Rows rows = sql(script);
    return rows.empty() ? -1 : rows.front().integer(0);
  }
  void see_as(const std::string& tenant_id) { sql("SELECT set_config('tomada.tenant_id', '" + tenant_id + "', false)"); }

  std::vector<std::string> tables_with_a_tenant() {
    std::vector<std::string> tables;
    for (const auto row : sql("SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                              " WHERE c.relnamespace = 'integrations'::regnamespace AND c.relkind = 'r'"
                              " AND a.attname = 'tenant_id' ORDER BY 1"))
      tables.push_back("integrations." + row.text(0));
    return tables;
  }

  /// A row in every table.
  void fill(const Integration& of) {
    const auto id = new_id();
    value_of(on_loop([&](Task& task) {
      return one->tenants().add_key(task, {.key_id = id, .tenant_id = of.tenant_id, .tenant_name = {}, .role = "admin",
                                           .key_sha256 = id, .created_at_ms = k_now_ms});
    }));
    value_of(on_loop([&](Task& task) {
      return one->plugins().approve(task, {.plugin_id = "aws-s3", .tenant_id = of.tenant_id, .capabilities = "{}",
                                           .approved_by = "root", .approved_at_ms = k_now_ms});
     }));
    value_of(on_loop([&](Task& task) { return one->tenants().put_wrapped_key(task, of.tenant_id, "key"); }));
    value_of(on_loop([&](Task& task) { return one->values().put(task, of.tenant_id, of.config_id, "k", "v"); }));
    value_of(on_loop([&](Task& task) {
      return one->plugins().pin(task, {.plugin_id = "aws-s3", .tenant_id = of.tenant_id, .version = "1.0.0"});
    }));
    add_app(*one, of.tenant_id);
    add_sync(*one, of);
    commit(*one, page_of(of, {upsert("a", "{}"), upsert("b", "{}")}));
    const auto event = std::to_string(accept(*one, new_webhook(of, new_id())).webhook_id);
    see_as("*");
    value_of(on_loop([&](Task& task) -> Result<void> {
      const RateUse use{.window_type = "day", .window_start_ms = k_now_ms, .request_count = 1, .quota_limit = 0,
                        .quota_remaining = std::nullopt, .quota_reset_at_ms = std::nullopt, .last_request_at_ms = k_now_ms};
      TOMADA_TRY(one->limits().save(task, of.tenant_id, of.config_id, {&use, 1}, "{}", k_now_ms));
      BreakerStatus status;
      status.tenant_id = of.tenant_id;
      status.config_id = of.config_id;
      const Event opened{.sequence = 0, .tenant_id = {}, .config_id = of.config_id, .type = "t", .data_json = "{}", .created_at_ms = 1};
      TOMADA_TRY(one->breakers().save(task, status, &opened));
      return one->cache_entries().put(task, of.tenant_id, of.config_id, "k", {.value = "v", .expires_at_ms = k_now_ms});
    }));
    sql("INSERT INTO integrations.webhook_attempts VALUES (" + event + ", 1, '" + of.tenant_id + "', 0, 0, '', '')");
  }

  std::unique_ptr<Connection> raw;
};

TEST_F(PostgresTest, AQueryThatForgetsTheTenantSeesOnlyThatOfItsTransaction) {
  const Tenant other = add_tenant(*one, "other");
  const Integration foreign = add_integration(*one, other.tenant_id);
  fill(integration);
  fill(foreign);
  const auto tables = tables_with_a_tenant();
  EXPECT_EQ(tables.size(), 25u);
  for (const std::string& table : tables) {
    see_as("*");
    EXPECT_EQ(number("SELECT count(DISTINCT tenant_id) FROM " + table), 2) << table << " has rows of both, seen by the host";
    const std::int64_t all = number("SELECT count(*) FROM " + table);
    see_as(tenant.tenant_id);
    const std::int64_t own = number("SELECT count(*) FROM " + table);
    EXPECT_GT(own, 0) << table;
    EXPECT_LT(own, all) << table;
    EXPECT_EQ(number("SELECT count(*) FROM " + table + " WHERE tenant_id <> '" + tenant.tenant_id + "'"), 0) << table;
    sql("BEGIN");
    sql("UPDATE " + table + " SET tenant_id = tenant_id WHERE tenant_id = '" + other.tenant_id + "'");
    const Rows deleted = raw->execute("DELETE FROM " + table + " WHERE tenant_id = '" + other.tenant_id + "'");
    EXPECT_EQ(deleted.affected(), 0) << table;
    sql("ROLLBACK");
    see_as("");
    EXPECT_EQ(number("SELECT count(*) FROM " + table), 0) << table << " shows nothing to a session that says nothing";
  }
}

TEST_F(PostgresTest, OfPluginsATenantSeesItsPinsOnly) {
  value_of(on_loop([&](Task& task) -> Result<void> {
    Plugins& plugins = one->plugins();
    TOMADA_TRY(plugins.add_version(task, {.plugin_id = "p", .sha256 = "aa", .version = "1", .installed_at_ms = 1}));
    TOMADA_TRY(plugins.choose(task, "p", "aa", 1));
    TOMADA_TRY(plugins.pin(task, {.plugin_id = "p", .tenant_id = tenant.tenant_id, .version = "1"}));
    return plugins.quarantine(task, {.plugin_id = "p", .version = "1", .reason = "r", .signal = 0, .last_service = "", .since_ms = 1});
  }));
  for (const std::string table : {"plugin_versions", "plugin_choices", "plugin_quarantines", "plugin_pins"}) {
    see_as("*");
    EXPECT_EQ(number("SELECT count(*) FROM integrations." + table), 1) << table;
    see_as(tenant.tenant_id);
    EXPECT_EQ(number("SELECT count(*) FROM integrations." + table), table == "plugin_pins" ? 1 : 0) << table;
    see_as("");
    EXPECT_EQ(number("SELECT count(*) FROM integrations." + table), 0) << table;
  }
}

TEST_F(PostgresTest, ARowOfAnotherTenantIsNotWritten) {
  const Tenant other = add_tenant(*one, "other");
  see_as(tenant.tenant_id);
  raw->execute("INSERT INTO integrations.allowed_plugins (tenant_id, plugin_id, created_at) VALUES ('" + other.tenant_id +
               "', 'x', now())");
  EXPECT_EQ(code_of(raw->take_result()), Errc::internal);
}

TEST_F(PostgresTest, AReaderOfChangesMissesNothingWhileTwoHostsWrite) {
  constexpr std::size_t k_writers_count = 6;
  constexpr std::size_t k_pages_count = 12;
  std::size_t ended_count = 0;
  std::vector<std::string> seen;
  on_loop_at_once(k_writers_count + 1, [&](Task& task, std::size_t index) {
    if (index == k_writers_count) {  // the reader goes on from the last sequence it saw
      std::int64_t after = 0;
      for (bool is_last = false; !is_last;) {
        is_last = ended_count == k_writers_count;
        for (const StoredRecord& record : value_of(
                 one->records().changes(task, tenant.tenant_id, integration.config_id, {}, after, 100'000))) {
          EXPECT_GT(record.sequence, after);
          after = record.sequence;
          seen.push_back(record.external_id);
        }
      }
      return 0;
    }
    Store& store = index % 2 == 0 ? *one : *two;
    for (std::size_t i = 0; i < k_pages_count; ++i) {
      std::vector<RecordChange> changes;
      for (std::size_t k = 0; k < 20; ++k)
        changes.push_back(upsert(std::to_string(index) + "/" + std::to_string(i) + "/" + std::to_string(k), "{}"));
      value_of(store.records().commit(task, page_of(integration, std::move(changes))));
    }
    ++ended_count;
    return 0;
  });
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), k_writers_count * k_pages_count * 20);
  EXPECT_EQ(seen.size(), k_writers_count * k_pages_count * 20);
}

TEST_F(PostgresTest, TwoHostsThatWriteTheSameRecordsCountEachOnce) {
  std::vector<RecordChange> changes;
  for (int i = 0; i < 50; ++i) changes.push_back(upsert(std::to_string(i), "{}"));
  std::int64_t changed_count = 0;
  for (const auto& outcome : on_loop_at_once(8, [&](Task& task, std::size_t index) {
         return (index % 2 == 0 ? one : two)->records().commit(task, page_of(integration, changes));
       }))
    changed_count += value_of(outcome).changed_count;
  EXPECT_EQ(changed_count, 50);
  EXPECT_EQ(count(*one, integration), 50);
}

TEST_F(PostgresTest, WhatIsNotUtf8IsFoundAgain) {
  const std::string text("a\0b\xff\xc3", 5);
  const Rows rows = raw->query("SELECT $1::text", text);
  value_of(raw->take_result());
  EXPECT_EQ(rows.front().view(0), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(commit(*one, page_of(integration, {upsert(text, "{}")})).changed_count, 1);
  EXPECT_EQ(commit(*one, page_of(integration, {upsert(text, "{}"), upsert("\"\\{},", "{}")})).unchanged_count, 1);
  EXPECT_EQ(changes(*one, integration).back().external_id, "\"\\{},");
}

TEST_F(PostgresTest, RemovingAnIntegrationLeavesNoRowButTheTenantsOwn) {
  fill(integration);
  value_of(on_loop([&](Task& task) { return two->integrations().remove(task, tenant.tenant_id, integration.config_id); }));
  see_as("*");
  const std::set<std::string> stays{"tenants", "api_keys", "allowed_plugins", "tenant_keys", "apps", "webhook_keys",
                                    "plugin_pins", "events", "event_sequences"};
  for (const std::string& table : tables_with_a_tenant())
    EXPECT_EQ(number("SELECT count(*) FROM " + table) > 0, stays.contains(table.substr(table.find('.') + 1))) << table;
}

TEST_F(PostgresTest, MetricsCountEachSyncAndEachWindowOnce) {
  see_as(tenant.tenant_id);
  const std::string ids = "'" + tenant.tenant_id + "', '" + integration.config_id + "'";
  sql("INSERT INTO integrations.sync_operations (tenant_id, config_id, entity_type, mode, operation_status, response_time_ms)"
      " VALUES (" + ids + ", '*', 'full', 'completed', 100), (" + ids + ", '*', 'full', 'completed', 200), (" + ids +
      ", '*', 'full', 'failed', 600);"
      "INSERT INTO integrations.rate_limit_tracking (tenant_id, config_id, time_window, window_type, request_count, quota_limit)"
      " VALUES (" + ids + ", now(), 'minute', 60, 60), (" + ids + ", now(), 'hour', 1000, 1000)");
  const Rows rows = sql("SELECT total_requests, successful_requests, failed_requests, success_rate::text,"
                        " avg_response_time_ms::text, rate_limit_hits"
                        " FROM integrations.calculate_integration_metrics('" + tenant.tenant_id + "', 24)");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.front().integer(0), 3);
  EXPECT_EQ(rows.front().integer(1), 2);
  EXPECT_EQ(rows.front().integer(2), 1);
  EXPECT_EQ(rows.front().view(3), "66.67");
  EXPECT_EQ(rows.front().view(4), "300.00");
  EXPECT_EQ(rows.front().integer(5), 2);
}

TEST_F(PostgresTest, AnIdThatIsNoneFindsNothing) {
  EXPECT_FALSE(value_of(on_loop([&](Task& task) { return one->integrations().find(task, tenant.tenant_id, "x'y"); })));
  EXPECT_FALSE(value_of(on_loop([&](Task& task) { return one->integrations().find_any(task, ""); })));
  EXPECT_FALSE(value_of(on_loop([&](Task& task) { return one->apps().find_any(task, "x"); })));
  EXPECT_FALSE(value_of(on_loop([&](Task& task) { return one->syncs().find(task, tenant.tenant_id, "x"); })));
}

bool has(const Address& address, std::string_view text) {
  return address.connection_text.find(text) != std::string::npos;
}

TEST(PostgresAddress, IsVerifiedInFullUnlessItIsThisMachine) {
  const Address far = value_of(parse_address("postgres://tomada:se%40cret@db.example:5433/main"));
  EXPECT_TRUE(has(far, "sslmode='verify-full'")) << far.connection_text;
  EXPECT_TRUE(has(far, "sslrootcert=")) << "the system's authorities";
  EXPECT_TRUE(has(far, "connect_timeout='5'"));
  EXPECT_TRUE(has(far, "password='se@cret'"));
  for (const char* near : {"postgres://tomada@127.0.0.1/main", "postgres://tomada@localhost/main", "postgres:///main",
                           "postgresql:///main?host=/run/postgresql"})
    EXPECT_FALSE(has(value_of(parse_address(near)), "verify-full")) << near;
  const Address chosen = value_of(parse_address("postgres://db.example/main?sslmode=verify-ca&sslrootcert=/ca.pem"));
  EXPECT_TRUE(has(chosen, "sslmode='verify-ca'"));
  EXPECT_TRUE(has(chosen, "sslrootcert='/ca.pem'"));
  EXPECT_FALSE(has(chosen, "verify-full"));
}

TEST(PostgresAddress, IsShownWithoutItsPassword) {
  EXPECT_EQ(value_of(parse_address("postgres://tomada:secret@db.example:5433/main?sslpassword=secret")).shown,
            "postgres://tomada@db.example:5433/main");
  for (const char* wrong : {"postgres://tomada:secret%zz@db.example/main", "postgres://u:secret@[::1/main",
                            "postgres://u:secret@h/main?nonsense=1"}) {
    const auto refused = parse_address(wrong);
    ASSERT_EQ(code_of(refused), Errc::invalid_config) << wrong;
    EXPECT_EQ(refused.error().message.find("secret"), std::string::npos) << refused.error().message;
  }
}

}  // namespace
}  // namespace tomada::store::testing
