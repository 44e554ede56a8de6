// The layer and what it writes down, over a real store.
#include "host/breaker/breaking_client.hpp"

#include "host/store/sqlite/open.hpp"
#include "tests/support/scripted_client.hpp"
#include "tests/support/store_fixture.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tomada::breaker {
namespace {

using namespace std::chrono_literals;
using http::testing::failure;
using http::testing::ScriptedClient;
using http::testing::status;
using store::testing::value_of;

struct BreakingClientTest : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  store::testing::TempFolder folder;
  std::unique_ptr<store::Store> store = value_of(store::sqlite::open({.file = folder.path() / "tomada.db"}));
  store::Integration integration;
  Policy policy{.enabled = true, .threshold = 3, .timeout = 10s};

  /// The store's threads work in real time, the clock stands still meanwhile.
  template <class F>
  auto run(F fn) {
    std::optional<std::invoke_result_t<F&, runtime::Task&>> value;
    runtime::spawn("test", loop, runtime::Deadline::never(), [&](runtime::Task& task) { value.emplace(fn(task)); }, runtime::k_stack_bytes_max);
    while (!value)
      if (!loop.run_ready()) std::this_thread::yield();
    return std::move(*value);
  }

  void SetUp() override {
    integration.tenant_id = store::testing::new_id();
    integration.config_id = store::testing::new_id();
    integration.integration_name = integration.provider_name = "x";
    integration.config_json = "{}";
    run([&](runtime::Task& task) {
      EXPECT_TRUE(store->tenants().create(task, {.tenant_id = integration.tenant_id, .name = "t"}).has_value());
      EXPECT_TRUE(store->integrations().create(task, integration).has_value());
      return 0;
    });
  }

  std::shared_ptr<Circuit> circuit(Breakers& breakers) {
    return run([&](runtime::Task& task) { return value_of(breakers.of(task, integration.tenant_id, integration.config_id)); });
  }
  Result<http::Response> send(http::Client& client, std::string url = "https://api.example.com/x") {
    return run([&](runtime::Task& task) { return http::fetch(task, client, {.url = url}); });
  }
  std::vector<store::Event> events() {
    return run([&](runtime::Task& task) { return value_of(store->events().list(task, integration.tenant_id, 0, 100)); });
  }
  std::vector<store::BreakerStatus> kept() {
    return run([&](runtime::Task& task) { return value_of(store->breakers().list(task, integration.tenant_id, integration.config_id)); });
  }
};

TEST_F(BreakingClientTest, StopsAskingAFailingHostAndTellsEachChange) {
  Breakers breakers(store->breakers(), clock);
  bool well = false;
  ScriptedClient inner([&](const http::Request&, std::size_t) { return well ? status(200) : status(500); });
  const auto client = make_breaking_client(inner, circuit(breakers), policy);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(*client)->head.status, 500);
  const auto refused = send(*client);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  EXPECT_EQ(refused.error().retry_after, 10s);
  EXPECT_EQ(inner.sent.size(), 3u);
  EXPECT_TRUE(send(*client, "https://other.example.com/").has_value());  // of its own
  well = true;
  clock.advance(10s);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(*client)->head.status, 200);
  const auto told = events();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].type, "circuit_breaker.open");
  EXPECT_EQ(told[1].type, "circuit_breaker.half_open");
  EXPECT_EQ(told[2].type, "circuit_breaker.closed");
  EXPECT_EQ(told[0].sequence + 2, told[2].sequence);
  EXPECT_EQ(told[0].config_id, integration.config_id);
  ASSERT_EQ(kept().size(), 1u);
  EXPECT_EQ(kept()[0].current_state, "closed");
  EXPECT_EQ(kept()[0].failure_count, 3);
}

TEST_F(BreakingClientTest, AnOpenCircuitSurvivesARestart) {
  ScriptedClient inner([&](const http::Request&, std::size_t) { return failure(Errc::unavailable); });
  {
    Breakers breakers(store->breakers(), clock);
    const auto client = make_breaking_client(inner, circuit(breakers), policy);
    for (int i = 0; i < 3; ++i) (void)send(*client);
  }
  clock.advance(4s);
  Breakers breakers(store->breakers(), clock);
  const auto client = make_breaking_client(inner, circuit(breakers), policy);
  const auto refused = send(*client);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().retry_after, 6s);
  EXPECT_EQ(inner.sent.size(), 3u);
}

TEST_F(BreakingClientTest, LimitsAndCancelledCallsAreNoFailures) {
  Breakers breakers(store->breakers(), clock);
  ScriptedClient inner([&](const http::Request&, std::size_t number) {
    return number % 3 == 0 ? status(429) : number % 3 == 1 ? failure(Errc::rate_limited) : failure(Errc::cancelled);
  });
  const auto client = make_breaking_client(inner, circuit(breakers), policy);
  for (int i = 0; i < 30; ++i) (void)send(*client);
  EXPECT_EQ(inner.sent.size(), 30u);
  EXPECT_TRUE(events().empty());
}

TEST_F(BreakingClientTest, ADroppedProbeLetsTheNextOneTry) {
  Breakers breakers(store->breakers(), clock);
  bool well = false;
  ScriptedClient inner([&](const http::Request&, std::size_t) { return well ? status(200) : status(500); });
  const auto client = make_breaking_client(inner, circuit(breakers), policy);
  for (int i = 0; i < 3; ++i) (void)send(*client);
  clock.advance(10s);
  well = true;
  run([&](runtime::Task& task) { return client->open(task, {.url = "https://api.example.com/x"}).has_value(); });
  EXPECT_TRUE(send(*client).has_value());
}

TEST_F(BreakingClientTest, ManyHostsOfOneIntegrationAreBounded) {
  Breakers breakers(store->breakers(), clock);
  ScriptedClient inner([&](const http::Request&, std::size_t) { return status(200); });
  const auto shared = circuit(breakers);
  const auto client = make_breaking_client(inner, shared, policy);
  for (int i = 0; i < 1'000; ++i) (void)send(*client, "https://h" + std::to_string(i) + ".example.com/");
  EXPECT_LE(shared->status().size(), store::k_breaker_hosts_max);
}

}  // namespace
}  // namespace tomada::breaker
