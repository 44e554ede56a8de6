#include "host/limit/signals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tomada::limit {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;

const runtime::WallTime k_now{std::chrono::seconds(1767225600)};  // 2026-01-01T00:00:00Z

Signals read(int status, http::Headers headers) { return read_signals({status, std::move(headers)}, k_now); }

double seconds_of(std::optional<Span> span) { return span ? std::chrono::duration<double>(*span).count() : -1; }

TEST(Signals, RetryAfterInSecondsDecimalsAndAsADate) {
  EXPECT_EQ(seconds_of(read(429, {{"Retry-After", "7"}}).retry_after), 7);
  EXPECT_EQ(seconds_of(read(429, {{"retry-after", "2.0"}}).retry_after), 2);
  EXPECT_EQ(seconds_of(read(429, {{"Retry-After", "0.5"}}).retry_after), 0.5);
  EXPECT_EQ(seconds_of(read(503, {{"Retry-After", "Thu, 01 Jan 2026 00:01:00 GMT"}}).retry_after), 61);
  EXPECT_EQ(seconds_of(read(429, {{"Retry-After", "Wed, 31 Dec 2025 23:00:00 GMT"}}).retry_after), 1);
  EXPECT_EQ(seconds_of(read(429, {{"Retry-After", "99999999999"}}).retry_after), 31 * 86'400);  // not for ever
  for (const char* const wrong : {"", "soon", "-1", "Thu, 32 Jan 2026 00:00:00 GMT", "nan", "inf"})
    EXPECT_FALSE(read(429, {{"Retry-After", wrong}}).retry_after) << wrong;
}

TEST(Signals, AnAbsoluteTimeIsMeasuredFromTheProvidersOwnClock) {
  const auto signals = read(429, {{"Date", "Thu, 01 Jan 2026 01:00:00 GMT"}, {"Retry-After", "Thu, 01 Jan 2026 01:00:30 GMT"}});
  EXPECT_EQ(seconds_of(signals.retry_after), 31);
}

TEST(Signals, WhatIsARefusal) {
  EXPECT_TRUE(read(429, {}).throttled);
  EXPECT_TRUE(read(503, {{"Retry-After", "1"}}).throttled);
  EXPECT_FALSE(read(503, {}).throttled);
  EXPECT_FALSE(read(200, {{"Retry-After", "1"}}).throttled);
}

TEST(Signals, TheCommonFamilyWithEachKindOfReset) {
  for (const auto& [reset, seconds] : {std::pair{"30", 30.0}, {"1767225630", 30.0}, {"1767225630500", 30.5}}) {
    const auto signals = read(200, {{"X-RateLimit-Limit", "100"}, {"X-RateLimit-Remaining", "40"}, {"X-RateLimit-Reset", reset}});
    ASSERT_THAT(signals.told, SizeIs(1));
    EXPECT_EQ(signals.told[0].amount, 100);
    EXPECT_EQ(signals.told[0].remaining, 40);
    EXPECT_DOUBLE_EQ(seconds_of(signals.told[0].reset_in), seconds) << reset;
  }
}

TEST(Signals, TheDraftsOfTheStandard) {
  const auto separate = read(200, {{"RateLimit-Limit", "100, 100;w=60"}, {"RateLimit-Remaining", "3"}, {"RateLimit-Reset", "9"}});
  ASSERT_THAT(separate.told, SizeIs(1));
  EXPECT_EQ(separate.told[0].amount, 100);
  EXPECT_EQ(seconds_of(separate.told[0].length), 60);
  const auto combined = read(200, {{"RateLimit-Policy", "\"default\";q=100;w=60"}, {"RateLimit", "\"default\";r=50;t=5"}});
  ASSERT_THAT(combined.told, SizeIs(1));
  EXPECT_EQ(combined.told[0].amount, 100);
  EXPECT_EQ(combined.told[0].remaining, 50);
  EXPECT_EQ(seconds_of(combined.told[0].reset_in), 5);
  EXPECT_EQ(seconds_of(combined.told[0].length), 60);
}

TEST(Signals, HubSpot) {
  const auto signals = read(200, {{"X-HubSpot-RateLimit-Daily", "650000"}, {"X-HubSpot-RateLimit-Daily-Remaining", "649000"},
                                  {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"}, {"X-HubSpot-RateLimit-Max", "190"},
                                  {"X-HubSpot-RateLimit-Remaining", "189"}, {"X-HubSpot-RateLimit-Secondly", "19"},
                                  {"X-HubSpot-RateLimit-Secondly-Remaining", "18"}});
  ASSERT_THAT(signals.told, SizeIs(3));
  EXPECT_EQ(signals.told[0].amount, 650000);
  EXPECT_EQ(signals.told[1].amount, 190);
  EXPECT_EQ(signals.told[1].remaining, 189);
  EXPECT_EQ(seconds_of(signals.told[1].length), 10);
  EXPECT_EQ(seconds_of(signals.told[2].length), 1);
}

TEST(Signals, ShopifysBucketAndQueryCost) {
  const auto rest = read(200, {{"X-Shopify-Shop-Api-Call-Limit", "32/40"}});
  ASSERT_THAT(rest.told, SizeIs(1));
  EXPECT_EQ(rest.told[0].kind, Told::Kind::bucket);
  EXPECT_EQ(rest.told[0].remaining, 8);
  EXPECT_EQ(rest.told[0].restore_per_second, 2);
  const auto cost = read_graphql_cost(
      R"({"data":{},"extensions":{"cost":{"requestedQueryCost":101,"actualQueryCost":46,"throttleStatus":{"maximumAvailable":1000,"currentlyAvailable":954,"restoreRate":50}}}})");
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->amount, 1000);
  EXPECT_EQ(cost->remaining, 954);
  EXPECT_EQ(cost->restore_per_second, 50);
  EXPECT_FALSE(read_graphql_cost(R"({"data":"throttleStatus"})"));
  EXPECT_FALSE(read_graphql_cost(R"("throttleStatus":{"maximumAvailable":)"));
}

TEST(Signals, SalesforceAndPipedrive) {
  const auto salesforce = read(200, {{"Sforce-Limit-Info", "api-usage=25/15000; per-app-api-usage=17/250(appName=x)"}});
  ASSERT_THAT(salesforce.told, SizeIs(1));
  EXPECT_EQ(salesforce.told[0].amount, 15000);
  EXPECT_EQ(salesforce.told[0].remaining, 14975);
  const auto pipedrive = read(200, {{"x-ratelimit-limit", "40"}, {"x-ratelimit-remaining", "39"}, {"x-ratelimit-reset", "2"},
                                    {"x-daily-ratelimit-token-limit", "30000"}, {"x-daily-ratelimit-token-remaining", "29000"}});
  ASSERT_THAT(pipedrive.told, SizeIs(2));
  EXPECT_EQ(seconds_of(pipedrive.told[0].reset_in), 2);
  EXPECT_EQ(seconds_of(pipedrive.told[1].length), 86400);
}

TEST(Signals, NonsenseIsTakenForAbsent) {
  for (const char* const wrong : {"", "-5", "abc", "0", "\xff\xfe", "99999999999999999999999999"})
    EXPECT_THAT(read(200, {{"X-RateLimit-Limit", wrong}, {"X-Shopify-Shop-Api-Call-Limit", wrong}, {"Sforce-Limit-Info", wrong},
                           {"RateLimit-Policy", wrong}, {"RateLimit", wrong}}).told, IsEmpty()) << wrong;
}

}  // namespace
}  // namespace tomada::limit
