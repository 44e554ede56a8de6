#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

constexpr std::int64_t k_minute_ms = 60'000;
constexpr std::int64_t k_hour_ms = 60 * k_minute_ms;
constexpr std::int64_t k_day_ms = 24 * k_hour_ms;

struct LimitsTest : StoreTest {
  [[nodiscard]] static RateUse use(std::string type, std::int64_t start_ms, std::int64_t count) {
    return {.window_type = std::move(type), .window_start_ms = start_ms, .request_count = count, .quota_limit = 0,
            .quota_remaining = std::nullopt, .quota_reset_at_ms = std::nullopt, .last_request_at_ms = start_ms + 1};
  }
  Result<void> save(const Integration& of, const std::vector<RateUse>& uses, std::string_view learned = {},
                    std::int64_t now_ms = k_now_ms) {
    return on_loop([&](Task& task) {
      return store().limits().save(task, of.tenant_id, of.config_id, uses, learned, now_ms);
    });
  }
  RateState load(const Integration& of) {
    return value_of(on_loop([&](Task& task) { return store().limits().load(task, of.tenant_id, of.config_id); }));
  }
};
TOMADA_STORE_SUITE(LimitsTest);

TEST_P(LimitsTest, KeepsEveryFieldByTypeAndStart) {
  RateUse minute = use("minute", k_now_ms, 3'000'000'000);
  minute.quota_limit = 100;
  minute.quota_remaining = 40;
  minute.quota_reset_at_ms = k_now_ms + 59'003;
  const RateUse earlier = use("minute", k_now_ms - k_minute_ms, 1);
  const RateUse day = use("day", k_now_ms, 9);
  EXPECT_EQ(load(integration).uses, std::vector<RateUse>{});
  value_of(save(integration, {minute, day, earlier}));
  EXPECT_EQ(load(integration).uses, (std::vector<RateUse>{day, earlier, minute}));
  EXPECT_EQ(load(integration).learned_json, "");
}

TEST_P(LimitsTest, AddsUpCountsAndReplacesTheRest) {
  RateUse first = use("minute", k_now_ms, 5);
  first.quota_remaining = 95;
  first.quota_limit = 100;
  first.last_request_at_ms = k_now_ms + 900;
  value_of(save(integration, {first}));
  RateUse second = use("minute", k_now_ms, 2);
  second.quota_limit = 50;
  second.quota_reset_at_ms = k_now_ms + 7;
  second.last_request_at_ms = k_now_ms + 300;
  RateUse third = second;
  third.request_count = 1;
  third.quota_limit = 60;
  third.last_request_at_ms = k_now_ms + 100;
  value_of(save(integration, {second, third}));  // the same window twice
  RateUse sum = third;
  sum.request_count = 8;
  sum.last_request_at_ms = k_now_ms + 900;
  EXPECT_EQ(load(integration).uses, std::vector<RateUse>{sum});
}

TEST_P(LimitsTest, ManySavesAtOnceAddUp) {
  for (const auto& result : on_loop_at_once(40, [&](Task& task, std::size_t) {
         const std::vector<RateUse> uses{use("minute", k_now_ms, 1), use("hour", k_now_ms, 2), use("day", k_now_ms, 3)};
         return store().limits().save(task, integration.tenant_id, integration.config_id, uses, {}, k_now_ms);
       }))
    value_of(result);
  const auto uses = load(integration).uses;
  ASSERT_EQ(uses.size(), 3u);
  EXPECT_EQ(uses[0].request_count, 120);
  EXPECT_EQ(uses[1].request_count, 80);
  EXPECT_EQ(uses[2].request_count, 40);
}

TEST_P(LimitsTest, WhatWasLearnedStaysUntilItIsReplaced) {
  value_of(save(integration, {}, R"({"per_minute":90})"));
  value_of(save(integration, {use("day", k_now_ms, 1)}));
  EXPECT_EQ(load(integration).learned_json, R"({"per_minute":90})");
  value_of(save(integration, {}, "{}"));
  EXPECT_EQ(load(integration).learned_json, "{}");
  EXPECT_EQ(load(integration).uses.size(), 1u);
}

TEST_P(LimitsTest, OldWindowsGo) {
  const Integration other = add_integration(store(), tenant.tenant_id);
  value_of(save(other, {use("minute", k_now_ms - k_day_ms, 1)}, {}, k_now_ms - k_day_ms));
  value_of(save(integration,
                {use("minute", k_now_ms - 2 * k_hour_ms, 1), use("minute", k_now_ms - 2 * k_hour_ms - k_minute_ms, 2),
                 use("hour", k_now_ms - 2 * k_day_ms, 3), use("hour", k_now_ms - 2 * k_day_ms - k_hour_ms, 4),
                 use("day", k_now_ms - 31 * k_day_ms, 5), use("day", k_now_ms - 32 * k_day_ms, 6)},
                {}, k_now_ms - 40 * k_day_ms));
  EXPECT_EQ(load(integration).uses.size(), 6u);
  value_of(save(integration, {}));
  std::vector<std::int64_t> counts;
  for (const RateUse& one : load(integration).uses) counts.push_back(one.request_count);
  EXPECT_EQ(counts, (std::vector<std::int64_t>{5, 3, 1}));
  EXPECT_EQ(load(other).uses.size(), 1u) << "its own save removes it";
}

TEST_P(LimitsTest, BelongsToOneIntegrationOfOneTenant) {
  value_of(save(integration, {use("day", k_now_ms, 1)}, "{}"));
  EXPECT_TRUE(load(add_integration(store(), tenant.tenant_id)).uses.empty());
  Integration foreign = integration;
  foreign.tenant_id = add_tenant(store(), "other").tenant_id;
  EXPECT_TRUE(load(foreign).uses.empty());
  EXPECT_EQ(load(foreign).learned_json, "");
  EXPECT_EQ(code_of(save(foreign, {use("day", k_now_ms, 7)}, "[]")), Errc::not_found);
  EXPECT_EQ(load(integration).uses.at(0).request_count, 1);
  EXPECT_EQ(load(integration).learned_json, "{}");
  value_of(on_loop([&](Task& task) {
    return store().integrations().remove(task, tenant.tenant_id, integration.config_id);
  }));
  EXPECT_TRUE(load(integration).uses.empty());
  EXPECT_EQ(code_of(save(integration, {})), Errc::not_found);
}

TEST_P(LimitsTest, AWindowThatIsNoneIsInvalidAndNothingIsWritten) {
  EXPECT_EQ(code_of(save(integration, {use("day", k_now_ms, 1), use("week", k_now_ms, 1)})), Errc::invalid_data);
  EXPECT_EQ(code_of(save(integration, {}, std::string(k_learned_bytes_max + 1, ' '))), Errc::invalid_data);
  EXPECT_TRUE(load(integration).uses.empty());
}

}  // namespace
}  // namespace tomada::store::testing
