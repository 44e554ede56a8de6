#include "host/webhook/worker.hpp"

#include "tests/unit/webhook/fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace tomada::webhook {
namespace {

using namespace std::chrono_literals;
using Kind = store::JobOutcome::Kind;
using testing::ElementsAre;

const tomada_storage_service& storage_of(const tomada_host& host) {
  return abi::service<tomada_storage_service>(host, TOMADA_STORAGE_ID);
}
const tomada_clock_service& clock_of(const tomada_host& host) {
  return abi::service<tomada_clock_service>(host, TOMADA_CLOCK_ID);
}

TEST(RetryDelay, FollowsItsTableAndALongerRetryAfter) {
  std::vector<std::int64_t> minutes;
  for (std::int64_t attempt = 1; const auto delay = retry_delay(attempt, {}); ++attempt)
    minutes.push_back(std::chrono::duration_cast<std::chrono::minutes>(*delay).count());
  EXPECT_THAT(minutes, ElementsAre(1, 5, 15, 60, 360));
  EXPECT_EQ(retry_delay(1, 2min), 2min);
  EXPECT_EQ(retry_delay(2, 2min), 5min);
  EXPECT_EQ(retry_delay(6, 2min), std::nullopt);
}

TEST_F(WebhookTest, HandsOverWhatWasStoredAndKeepsItsEffects) {
  code.on_webhook = [](const tomada_host& host, tomada_call call, const tomada_webhook& webhook,
                       tomada_reply reply) -> tomada_status {
    EXPECT_EQ(reply, 0u);
    EXPECT_EQ(view(webhook.event_id), "e1");
    EXPECT_EQ(view(webhook.event_type), "made");
    EXPECT_EQ(view(webhook.body), R"({"a":1})");
    EXPECT_EQ(webhook.attempt, 1u);
    EXPECT_EQ(webhook.headers_count, 1u);
    EXPECT_EQ(view(webhook.headers[0].name), "X-One");
    EXPECT_EQ(view(webhook.headers[0].value), "1");
    const auto& storage = storage_of(host);
    EXPECT_EQ(records_of(host).checkpoint(call, abi::text("c")), TOMADA_E_UNSUPPORTED);
    EXPECT_EQ(records_of(host).complete(call, abi::text("thing"), abi::text("c")), TOMADA_E_UNSUPPORTED);
    EXPECT_EQ(records_of(host).progress(call, 1, 2), TOMADA_E_UNSUPPORTED);
    tomada_slice value{};
    EXPECT_EQ(storage.get(call, abi::text("k"), &value), TOMADA_E_NOT_FOUND);
    EXPECT_EQ(storage.put(call, abi::text("k"), abi::text("v")), TOMADA_OK);
    EXPECT_EQ(storage.get(call, abi::text("k"), &value), TOMADA_OK);
    EXPECT_EQ(view(value), "v");
    return upsert(host, call, "r1", R"({"b":2})");
  };
  const auto id = accept("e1", {}, R"({"a":1})");
  const auto ended = work();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind, Kind::done);
  EXPECT_EQ(event(id).processing_status, "completed");
  ASSERT_EQ(records().size(), 1u);
  EXPECT_EQ(records().front().source, "webhook");
  EXPECT_EQ(records().front().data_json, R"({"b":2})");
  EXPECT_EQ(run([&](Task& task) {
              return value_of(store->values().get(task, integration.tenant_id, integration.config_id, "k"));
            }), "v");
  EXPECT_FALSE(work()) << "nothing is left";
}

TEST_F(WebhookTest, StorageIsForbiddenToAPluginThatDoesNotNameIt) {
  integration = add_integration("trampoline-inline");
  bool was_called = false;
  code.on_webhook = [&](const tomada_host& host, tomada_call call, const tomada_webhook&, tomada_reply) -> tomada_status {
    was_called = true;
    tomada_slice value{};
    EXPECT_EQ(storage_of(host).get(call, abi::text("k"), &value), TOMADA_E_FORBIDDEN);
    EXPECT_EQ(storage_of(host).put(call, abi::text("k"), abi::text("v")), TOMADA_E_FORBIDDEN);
    EXPECT_EQ(storage_of(host).remove(call, abi::text("k")), TOMADA_E_FORBIDDEN);
    return TOMADA_OK;
  };
  accept("e1");
  ASSERT_TRUE(work());
  EXPECT_TRUE(was_called);
}

TEST_F(WebhookTest, AFailedCallLeavesNothingAndComesBack) {
  bool fails = true;
  code.on_webhook = [&](const tomada_host& host, tomada_call call, const tomada_webhook&, tomada_reply) {
    EXPECT_EQ(upsert(host, call, "r1", "{}"), TOMADA_OK);
    EXPECT_EQ(storage_of(host).put(call, abi::text("k"), abi::text("v")), TOMADA_OK);
    return fails ? TOMADA_E_UNAVAILABLE : TOMADA_OK;
  };
  const auto id = accept("e1");
  ASSERT_TRUE(work());
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(run([&](Task& task) {
              return value_of(store->values().get(task, integration.tenant_id, integration.config_id, "k"));
            }), std::nullopt);
  EXPECT_EQ(event(id).processing_status, "pending");
  EXPECT_EQ(event(id).next_processing_at_ms, clock.unix_ms() + 60'000);
  EXPECT_EQ(event(id).error_code, "unavailable");
  clock.advance(59s);
  EXPECT_FALSE(work());
  clock.advance(1s);
  fails = false;
  ASSERT_TRUE(work());
  EXPECT_EQ(event(id).processing_status, "completed");
  EXPECT_EQ(records().size(), 1u);
  EXPECT_EQ(attempts(id).size(), 2u);
}

TEST_F(WebhookTest, DiesAfterItsLastAttemptOrAtOnceWhenItIsHopeless) {
  tomada_status status = TOMADA_E_INTERNAL;
  code.on_webhook = [&](auto&&...) { return status; };
  const auto id = accept("e1");
  int calls_count = 0;
  while (event(id).processing_status == "pending" && calls_count < 10) {
    if (work()) ++calls_count;
    clock.advance(1min);
    if (calls_count > 3) clock.advance(59min);
  }
  EXPECT_EQ(attempts(id).size(), 6u);
  EXPECT_EQ(event(id).processing_status, "failed");
  for (const tomada_status hopeless : {TOMADA_E_PERMANENT, TOMADA_E_UNSUPPORTED}) {
    status = hopeless;
    const auto next = accept("e" + std::to_string(100 + hopeless));
    ASSERT_TRUE(work());
    EXPECT_EQ(event(next).processing_status, "failed");
    EXPECT_EQ(attempts(next).size(), 1u);
  }
}

TEST_F(WebhookTest, ARefusedRecordMakesItPartial) {
  code.on_webhook = [](const tomada_host& host, tomada_call call, const tomada_webhook&, tomada_reply) -> tomada_status {
    EXPECT_EQ(upsert(host, call, "r1", "[]"), TOMADA_E_INVALID_DATA);
    return upsert(host, call, "r2", "{}");
  };
  const auto id = accept("e1");
  ASSERT_TRUE(work());
  EXPECT_EQ(event(id).processing_status, "partial");
  EXPECT_EQ(records().size(), 1u);
}

TEST_F(WebhookTest, ThoseWithoutASubjectRunSideBySide) {
  std::size_t running_count = 0;
  std::size_t running_most = 0;
  code.on_webhook = [&](const tomada_host& host, tomada_call call, const tomada_webhook&, tomada_reply) {
    running_most = std::max(running_most, ++running_count);
    const auto status = clock_of(host).sleep_ms(call, 1'000);
    --running_count;
    return status;
  };
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(accept("e" + std::to_string(i)));
  ASSERT_TRUE(work({.running_max = 8, .slice = 24h}, [&] {
    if (running_count == 8 || running_most == 8) clock.advance(100ms);
  }));
  EXPECT_EQ(running_most, 8u);
  for (const auto id : ids) EXPECT_EQ(event(id).processing_status, "completed");
}

TEST_F(WebhookTest, AStopGivesTheAttemptsBack) {
  Task* job = nullptr;
  int begun_count = 0;
  code.on_webhook = [&](const tomada_host& host, tomada_call call, const tomada_webhook&, tomada_reply) {
    if (++begun_count == 3) job->interrupt(Errc::cancelled);
    return clock_of(host).sleep_ms(call, 3'600'000);
  };
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(accept("e" + std::to_string(i)));
  const auto ended = work({.running_max = 3}, {}, [&](Task& task) { job = &task; });
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind, Kind::retry);
  EXPECT_FALSE(ended->counts_attempt);
  for (const auto id : ids) {
    EXPECT_EQ(event(id).processing_status, "pending");
    EXPECT_EQ(event(id).processing_attempts, 0);
  }
  code.on_webhook = [](auto&&...) -> tomada_status { return TOMADA_OK; };
  ASSERT_TRUE(work());
  for (const auto id : ids) EXPECT_EQ(event(id).processing_status, "completed");
}

TEST_F(WebhookTest, ACallOverItsTimeComesBackAndTheOthersGoOn) {
  bool sleeps = false;  // the clock moves only then, not while the store works
  code.on_webhook = [&](const tomada_host& host, tomada_call call, const tomada_webhook& webhook, tomada_reply) {
    if (view(webhook.event_id) != "slow") return tomada_status{TOMADA_OK};
    sleeps = true;
    const auto status = clock_of(host).sleep_ms(call, 3'600'000);
    sleeps = false;
    return status;
  };
  const auto slow = accept("slow");
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(accept("e" + std::to_string(i)));
  ASSERT_TRUE(work({.running_max = 1, .call_timeout = 2s, .slice = 24h}, [&] {
    if (sleeps) clock.advance(10ms);
  }));
  EXPECT_EQ(event(slow).processing_status, "pending");
  EXPECT_EQ(event(slow).error_code, "deadline");
  EXPECT_EQ(event(slow).processing_attempts, 1);
  for (const auto id : ids) EXPECT_EQ(event(id).processing_status, "completed");
}

TEST_F(WebhookTest, AThrowingPluginGetsANewInstance) {
  code.on_webhook = [](const tomada_host&, tomada_call, const tomada_webhook& webhook, tomada_reply) -> tomada_status {
    if (view(webhook.event_id) == "bad") throw std::runtime_error("planted");
    return TOMADA_OK;
  };
  const auto bad = accept("bad");
  const auto good = accept("good");
  ASSERT_TRUE(work({.running_max = 1}));
  EXPECT_EQ(event(bad).processing_status, "pending");
  EXPECT_EQ(event(bad).error_code, "internal");
  EXPECT_EQ(event(good).processing_status, "completed");
  EXPECT_EQ(code.creates_count, 2);
}

TEST_F(WebhookTest, EventsWaitWhileTheirIntegrationIsDisabledOrItsPluginIsGone) {
  code.on_webhook = [](auto&&...) -> tomada_status { return TOMADA_OK; };
  integration.is_enabled = false;
  update(integration);
  const auto id = accept("e1");
  while (const auto ended = work()) {
    EXPECT_EQ(ended->kind, Kind::retry);
    EXPECT_GT(ended->due_at_ms, clock.unix_ms() + 1'000'000'000);
  }
  EXPECT_EQ(event(id).processing_status, "pending");
  EXPECT_EQ(event(id).processing_attempts, 0);
  integration = find(integration);
  integration.is_enabled = true;
  update(integration);
  ASSERT_TRUE(work());
  EXPECT_EQ(event(id).processing_status, "completed");

  integration = add_integration("nobody");
  const auto other = accept("e2");
  const auto ended = work();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind, Kind::retry);
  EXPECT_EQ(ended->error_code, "not_found");
  EXPECT_EQ(event(other).processing_status, "pending");
}

TEST_F(WebhookTest, WrongCredentialsAreToldToTheOperator) {
  code.on_webhook = [](auto&&...) -> tomada_status { return TOMADA_E_UNAUTHENTICATED; };
  const auto id = accept("e1");
  ASSERT_TRUE(work());
  EXPECT_EQ(event(id).processing_status, "pending");
  EXPECT_EQ(find(integration).connection_status, "reconnect_needed");
}

TEST_F(WebhookTest, HoldsBackWhileTheIntakeWaitsButNeverStops) {
  code.on_webhook = [](auto&&...) -> tomada_status { return TOMADA_OK; };
  for (int i = 0; i < 64; ++i) accept("e" + std::to_string(i));
  intake_waiting = 32;
  const auto started = clock.steady();
  ASSERT_TRUE(work({.slice = 24h}, [&] { clock.advance(1ms); }));
  // 16 at once, then 16 more after each 100 ms.
  EXPECT_GE(clock.steady() - started, 300ms);
  EXPECT_EQ(run([&](Task& task) { return value_of(store->webhooks().counts(task)); }).pending, 0);
}

TEST_F(WebhookTest, ASliceEndsAndTheJobComesBackForTheRest) {
  code.on_webhook = [this](auto&&...) -> tomada_status {
    clock.advance(1s);
    return TOMADA_OK;
  };
  for (int i = 0; i < 30; ++i) accept("e" + std::to_string(i));
  const auto ended = work({.running_max = 1, .slice = 5s, .take_max = 4});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind, Kind::retry);
  EXPECT_EQ(ended->due_at_ms, clock.unix_ms());
  const auto left = run([&](Task& task) { return value_of(store->webhooks().counts(task)); }).pending;
  EXPECT_GE(left, 20);
  EXPECT_LT(left, 30);
}

}  // namespace
}  // namespace tomada::webhook
