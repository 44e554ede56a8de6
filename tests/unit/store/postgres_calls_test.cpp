// Limits, breakers, events and the cache where several hosts write them, and what the users' own function makes of them.
#include "host/store/postgres/connection.hpp"
#include "host/store/postgres/schema.hpp"
#include "tests/unit/store/postgres_pair.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct PostgresCallsTest : PostgresPair {
  [[nodiscard]] Event event(std::string type = "t") const {
    return {.sequence = 0, .tenant_id = tenant.tenant_id, .config_id = {}, .type = std::move(type), .data_json = "{}",
            .created_at_ms = k_now_ms};
  }
  [[nodiscard]] BreakerStatus status(std::string host, std::string state) const {
    BreakerStatus status;
    status.tenant_id = tenant.tenant_id;
    status.config_id = integration.config_id;
    status.host = std::move(host);
    status.current_state = std::move(state);
    return status;
  }
  std::string metrics(const std::string& column) {
    return ask("SELECT string_agg(" + column + "::text, ',') FROM integrations.calculate_integration_metrics('" +
               tenant.tenant_id + "')");
  }
};

TEST_F(PostgresCallsTest, AReaderOfEventsSeesNoGapWhileTwoHostsAppend) {
  constexpr std::size_t k_writers_count = 6;
  constexpr std::size_t k_events_count = 40;
  std::size_t ended_count = 0;
  std::int64_t last = 0;
  on_loop_at_once(k_writers_count + 1, [&](Task& task, std::size_t index) {
    if (index == k_writers_count) {
      for (bool is_last = false; !is_last;) {
        is_last = ended_count == k_writers_count;
        for (const Event& seen : value_of(two->events().list(task, tenant.tenant_id, last, 1'000))) {
          EXPECT_EQ(seen.sequence, last + 1) << "one that appears later would be missed";
          last = seen.sequence;
        }
      }
      return 0;
    }
    Store& store = index % 2 == 0 ? *one : *two;
    for (std::size_t i = 0; i < k_events_count; ++i) {
      const Event appended = event();
      if (i % 4 == 0) value_of(store.breakers().save(task, status(std::to_string(index / 2), "open"), &appended));
      else value_of(store.events().append(task, appended));
    }
    ++ended_count;
    return 0;
  });
  EXPECT_EQ(last, static_cast<std::int64_t>(k_writers_count * k_events_count));
}

TEST_F(PostgresCallsTest, TheOldestEventsGo) {
  ask("WITH counted AS (INSERT INTO integrations.event_sequences VALUES ('" + tenant.tenant_id + "', 100000))"
      " INSERT INTO integrations.events SELECT '" + tenant.tenant_id +
      "', n, NULL, 't', '{}', 0 FROM generate_series(1, 100000) AS n");
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return one->events().append(task, event()); })), 100'001);
  EXPECT_EQ(ask("SELECT min(sequence) || '-' || max(sequence) || ':' || count(*) FROM integrations.events"), "2-100001:100000");
}

TEST_F(PostgresCallsTest, TwoHostsCountTheSameWindows) {
  for (const auto& result : on_loop_at_once(30, [&](Task& task, std::size_t index) {
         std::vector<RateUse> uses;
         for (const char* type : {"minute", "hour", "day"})
           uses.push_back({.window_type = type, .window_start_ms = k_now_ms, .request_count = 1, .quota_limit = 0,
                           .quota_remaining = std::nullopt, .quota_reset_at_ms = std::nullopt, .last_request_at_ms = k_now_ms});
         if (index % 4 == 1) std::swap(uses[0], uses[2]);
         Store& store = index % 2 == 0 ? *one : *two;
         return store.limits().save(task, tenant.tenant_id, integration.config_id, uses, "{}", k_now_ms);
       }))
    value_of(result);
  EXPECT_EQ(ask("SELECT min(request_count) || '-' || max(request_count) FROM integrations.rate_limit_tracking"), "30-30");
}

// The sum of the sizes is what is there, whoever wrote and removed at the same time.
TEST_F(PostgresCallsTest, TwoHostsKeepTheCachesSizeRight) {
  const Integration second = add_integration(*one, tenant.tenant_id);
  for (const auto& result : on_loop_at_once(60, [&](Task& task, std::size_t index) -> Result<void> {
         CacheEntries& entries = (index % 2 == 0 ? *one : *two).cache_entries();
         const std::string& config_id = index % 3 == 0 ? second.config_id : integration.config_id;
         const std::string key = std::to_string(index % 20);
         TOMADA_TRY(entries.put(task, tenant.tenant_id, config_id, key,
                                {.value = std::string(index * 10, 'v'), .expires_at_ms = static_cast<std::int64_t>(index)}));
         if (index % 5 == 0) TOMADA_TRY(entries.remove(task, tenant.tenant_id, config_id, key));
         if (index % 7 == 0) TOMADA_TRY(entries.remove_expired(task, static_cast<std::int64_t>(index / 2), 4));
         return {};
       }))
    value_of(result);
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.cache_sizes s WHERE s.bytes <> (SELECT coalesce(sum(e.bytes), 0) FROM"
                " integrations.cache_entries e WHERE e.config_id = s.config_id)"),
            "0");
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.cache_entries WHERE bytes <> length(key) + length(value) + 128"), "0");
}

TEST_F(PostgresCallsTest, MetricsShowTheWorstBreakerAndOnlyLimitsThatAreKnown) {
  EXPECT_EQ(metrics("circuit_breaker_state"), "unknown");
  const auto save = [&](std::string host, std::string state) {
    value_of(on_loop([&](Task& task) { return one->breakers().save(task, status(host, state), nullptr); }));
  };
  save("a", "closed");
  EXPECT_EQ(metrics("circuit_breaker_state"), "closed");
  save("b", "half_open");
  EXPECT_EQ(metrics("circuit_breaker_state"), "half_open");
  save("c", "open");
  save("d", "closed");
  EXPECT_EQ(metrics("circuit_breaker_state"), "open") << "and one row for the integration";
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  value_of(on_loop([&](Task& task) {
    const RateUse unknown{.window_type = "minute", .window_start_ms = now_ms, .request_count = 9, .quota_limit = 0,
                          .quota_remaining = std::nullopt, .quota_reset_at_ms = std::nullopt, .last_request_at_ms = now_ms};
    RateUse hit = unknown;
    hit.window_type = "hour";
    hit.quota_limit = 9;
    return one->limits().save(task, tenant.tenant_id, integration.config_id, std::vector{unknown, hit}, {}, now_ms);
  }));
  EXPECT_EQ(metrics("rate_limit_hits"), "1");
}

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
