// Tasks that wait for a budget, on a manual clock.
#include "host/limit/governed_client.hpp"

#include "host/limit/kept_state.hpp"
#include "tests/support/scripted_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tomada::limit {
namespace {

using namespace std::chrono_literals;
using http::testing::ScriptedClient;
using http::testing::status;
using testing::HasSubstr;

struct GovernorTest : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  Governor governor{{&loop}};

  static Limits per_second(double amount) {
    Limits limits;
    limits.pools[0].windows.push_back({"second", amount, 1s});
    return limits;
  }
  std::shared_ptr<Member> member(const Limits& limits, std::string tenant_id = "t") {
    auto made = std::make_shared<Member>();
    made->tenant_id = tenant_id;
    made->config_id = "c";
    made->account = governor.account("x/1", limits).account;
    made->tenant = made->account->tenant(tenant_id);
    return made;
  }
  template <class F>
  auto run(F fn, runtime::Deadline deadline = runtime::Deadline::never()) {
    return http::testing::run_manual(loop, clock, std::move(fn), deadline);
  }
  Result<http::Response> send(http::Client& client, runtime::Deadline deadline = runtime::Deadline::never(), http::Request request = {.url = "https://x.example.com/a?b"}) {
    return run([&](runtime::Task& task) { return http::fetch(task, client, request); }, deadline);
  }
};

TEST_F(GovernorTest, WaitsForRoomAndCountsWhatWasSent) {
  ScriptedClient inner([](const http::Request&, std::size_t) { return status(200); });
  const auto shared = member(per_second(2));
  const auto client = make_governed_client(inner, {shared, Lane::interactive});
  const auto began = clock.steady();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(send(*client).has_value());
  EXPECT_GE(clock.steady() - began, 1s);
  EXPECT_EQ(shared->unsaved_count, 3);
}

TEST_F(GovernorTest, AWaitPastTheDeadlineIsRefusedAtOnceWithTheTime) {
  ScriptedClient inner([](const http::Request&, std::size_t) { return status(200); });
  const auto client = make_governed_client(inner, {member(per_second(1)), Lane::interactive});
  ASSERT_TRUE(send(*client).has_value());
  const auto began = clock.steady();
  const auto refused = send(*client, runtime::Deadline::after(clock, 300ms));
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code, Errc::rate_limited);
  ASSERT_TRUE(refused.error().retry_after);
  EXPECT_GT(*refused.error().retry_after, 300ms);
  EXPECT_LE(*refused.error().retry_after, 1100ms);
  EXPECT_LT(clock.steady() - began, 10ms);
  EXPECT_EQ(inner.sent.size(), 1u);
}

TEST_F(GovernorTest, ADeadlineThatPassesInTheQueueIsRateLimitedToo) {
  ScriptedClient inner([](const http::Request&, std::size_t) {
    auto answer = status(200);
    answer.takes = 10s;
    return answer;
  });
  Limits limits;
  limits.pools[0].concurrency_max = 1;
  const auto client = make_governed_client(inner, {member(limits), Lane::interactive});
  std::optional<Result<http::Response>> first, second;
  const auto spawn = [&](std::optional<Result<http::Response>>& to, runtime::Deadline deadline) {
    runtime::spawn("call", loop, deadline, [&](runtime::Task& task) { to.emplace(http::fetch(task, *client, {.url = "https://x.example.com/"})); });
  };
  spawn(first, runtime::Deadline::never());
  spawn(second, runtime::Deadline::after(clock, 3s));
  while (!first || !second)
    if (!loop.run_ready()) clock.advance(10ms);
  EXPECT_TRUE(first->has_value());
  ASSERT_TRUE(second->has_error());
  EXPECT_EQ(second->error().code, Errc::rate_limited);
  EXPECT_EQ(inner.sent.size(), 1u);
}

TEST_F(GovernorTest, ACancelledWaiterLeavesItsPlace) {
  ScriptedClient inner([](const http::Request&, std::size_t) { return status(200); });
  const auto shared = member(per_second(1));
  const auto client = make_governed_client(inner, {shared, Lane::interactive});
  ASSERT_TRUE(send(*client).has_value());
  std::optional<Result<http::Response>> waiting;
  runtime::spawn("call", loop, runtime::Deadline::never(), [&](runtime::Task& task) { waiting.emplace(http::fetch(task, *client, {.url = "https://x.example.com/"})); });
  while (loop.run_ready()) {}
  EXPECT_EQ(shared->account->with([](Budget& budget, Time) { return budget.waiting_count(); }), 1u);
  loop.cancel_tasks();
  while (!waiting) loop.run_ready();
  EXPECT_EQ(waiting->error().code, Errc::cancelled);
  EXPECT_EQ(shared->account->with([](Budget& budget, Time) { return budget.waiting_count(); }), 0u);
}

TEST_F(GovernorTest, TooManyWaitersAreRefused) {
  Budget budget(per_second(1), clock.steady());
  ASSERT_TRUE(budget.try_take(clock.steady(), {}));
  for (std::size_t i = 0; i < k_waiting_max; ++i) ASSERT_TRUE(budget.wait({}, i));
  EXPECT_FALSE(budget.wait({}, k_waiting_max));
}

TEST_F(GovernorTest, ARefusalIsMarkedForTheLayersAboveAndBlocksTheAccount) {
  ScriptedClient inner([](const http::Request&, std::size_t number) {
    return number == 0 ? status(429, {{"Retry-After", "5"}}, "slow down") : status(200);
  });
  const auto client = make_governed_client(inner, {member({}), Lane::interactive});
  const auto refused = send(*client);
  ASSERT_TRUE(refused.has_value());
  EXPECT_TRUE(refused->head.throttled);
  EXPECT_EQ(refused->head.retry_after, 5s);
  EXPECT_EQ(refused->body, "slow down");
  const auto began = clock.steady();
  EXPECT_FALSE(send(*client)->head.throttled);
  EXPECT_GE(clock.steady() - began, 5s);
}

TEST_F(GovernorTest, ARefusalThatOnlyTheBodyTellsIsFoundAndTheBodyStaysWhole) {
  Limits limits;
  limits.throttled.push_back({403, "rateLimitExceeded"});
  const std::string body = R"({"error":{"errors":[{"reason":"rateLimitExceeded"}]}})" + std::string(40'000, ' ');
  ScriptedClient inner([&](const http::Request&, std::size_t number) { return status(403, {}, number == 0 ? body : "forbidden"); });
  const auto client = make_governed_client(inner, {member(limits), Lane::interactive});
  const auto refused = send(*client);
  EXPECT_TRUE(refused->head.throttled);
  EXPECT_EQ(refused->body, body);
  clock.advance(10s);
  const auto forbidden = send(*client);
  EXPECT_FALSE(forbidden->head.throttled);
  EXPECT_EQ(forbidden->body, "forbidden");
}

TEST_F(GovernorTest, AGraphQlAnswersCostIsReadFromItsEnd) {
  Limits limits;
  limits.graphql_cost = true;
  const std::string body = std::string(50'000, ' ') +
                           R"(,"extensions":{"cost":{"throttleStatus":{"maximumAvailable":1000.0,"currentlyAvailable":10,"restoreRate":50.0}}}})";
  ScriptedClient inner([&](const http::Request&, std::size_t) { return status(200, {}, body); });
  const auto shared = member(limits);
  const auto client = make_governed_client(inner, {shared, Lane::interactive});
  EXPECT_EQ(send(*client)->body, body);
  const auto views = shared->account->with([](Budget& budget, Time now) { return budget.view(now); });
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].limit, 1000);
  EXPECT_NEAR(views[0].remaining, 10, 1);
}

TEST_F(GovernorTest, RequestsOfAPathWaitForTheirPoolOnly) {
  Limits limits;
  limits.pools.push_back({.name = "search", .method = "POST", .path = "/objects/*/search", .windows = {{"second", 1, 1s}}});
  limits.costs.push_back({"", "/heavy", 10});
  EXPECT_EQ(limits.pool_of("POST", "/objects/deals/search"), 1u);
  EXPECT_EQ(limits.pool_of("GET", "/objects/deals/search"), 0u);
  EXPECT_EQ(limits.pool_of("POST", "/objects/deals"), 0u);
  EXPECT_EQ(limits.cost_of("GET", "/heavy"), 10);
  ScriptedClient inner([](const http::Request&, std::size_t) { return status(200); });
  const auto client = make_governed_client(inner, {member(limits), Lane::interactive});
  const http::Request search{.method = "POST", .url = "https://x.example.com/objects/deals/search?x=1"};
  EXPECT_TRUE(send(*client, runtime::Deadline::never(), search).has_value());
  EXPECT_EQ(send(*client, runtime::Deadline::after(clock, 100ms), search).error().code, Errc::rate_limited);
  EXPECT_TRUE(send(*client, runtime::Deadline::after(clock, 100ms)).has_value());
}

TEST_F(GovernorTest, TheStrictestOfThoseWhoShareAnAccountCounts) {
  const auto account = governor.account("x/1", per_second(100)).account;
  account->declare("a", per_second(100));
  account->declare("b", per_second(5));
  account->declare("a", per_second(100));
  EXPECT_EQ(account->with([](Budget& budget, Time) { return budget.declared().pools[0].windows[0].amount; }), 5);
}

TEST_F(GovernorTest, AManifestsDefaultGivesWayToWhatAnswersTell) {
  Limits limits;
  limits.pools[0].windows.push_back({"interval", 100, 10s, true});
  ScriptedClient inner([](const http::Request&, std::size_t) {
    return status(200, {{"X-HubSpot-RateLimit-Max", "190"}, {"X-HubSpot-RateLimit-Remaining", "150"}, {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"}});
  });
  const auto shared = member(limits);
  const auto client = make_governed_client(inner, {shared, Lane::interactive});
  (void)send(*client);
  EXPECT_EQ(shared->account->with([](Budget& budget, Time now) { return budget.view(now)[0].limit; }), 190);
}

TEST_F(GovernorTest, CountsAndWhatWasLearnedSurviveARestart) {
  Limits limits;
  limits.pools[0].windows = {{"minute", 60, 60s}, {"hour", 100, 3600s}};
  Budget before(limits, clock.steady());
  for (int i = 0; i < 40; ++i) {
    const auto permit = before.try_take(clock.steady(), {});
    ASSERT_TRUE(permit);
    clock.advance(100ms);
    before.done(clock.steady(), *permit, read_signals({200, {{"X-RateLimit-Limit", "5000"}, {"X-RateLimit-Remaining", std::to_string(162 - i)}, {"X-RateLimit-Reset", "1767227400"}}}, clock.wall()));
  }
  const store::RateState state{uses_of(before, clock, 40, clock.unix_ms()), learned_of(before, clock)};
  clock.advance(10s);
  Budget after(limits, clock.steady());
  restore(after, clock, state);
  const auto views = after.view(clock.steady());
  ASSERT_EQ(views.size(), 3u);
  EXPECT_EQ(views[0].used, 40);
  EXPECT_EQ(views[1].used, 40);
  EXPECT_EQ(views[2].limit, 5000);
  EXPECT_EQ(views[2].remaining, 123);
  ASSERT_TRUE(views[2].reset_at);
  EXPECT_NEAR(std::chrono::duration<double>(*views[2].reset_at - clock.steady()).count(), 1786, 2);
  clock.advance(61s);
  EXPECT_EQ(after.view(clock.steady())[0].used, 0);
  EXPECT_EQ(after.view(clock.steady())[1].used, 40);
}

TEST_F(GovernorTest, DamagedStateIsLeftOut) {
  for (const char* const text : {"", "[]", "{", R"({"pools":5})", R"({"pools":[5,{"name":"account","told":[5,{"name":5}],"learned":{"amount":-1,"length_ms":0}}]})",
                                 R"({"pools":[{"name":"account","told":[{"name":"x","amount":1e300,"remaining":-1,"length_ms":-5}]}]})"}) {
    Budget budget({}, clock.steady());
    restore(budget, clock, {{{.window_type = "fortnight", .request_count = 5}}, text});
    EXPECT_TRUE(budget.try_take(clock.steady(), {})) << text;
  }
}

}  // namespace
}  // namespace tomada::limit
