// The promises about limits, judged by an emulated provider: how much of the allowed rate is used, how often it refuses.
#include "tests/unit/limit/emulator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <string>

namespace tomada::limit {
namespace {

using Kind = LimitRule::Kind;

constexpr std::uint64_t k_learning_answers = 1'000;

/// TOMADA_SEED replays one run.
std::uint64_t seed() {
  const char* const given = std::getenv("TOMADA_SEED");
  return given != nullptr ? std::stoull(given) : 20261124;
}

std::string replay() { return "replay with TOMADA_SEED=" + std::to_string(seed()); }

double refused_share(const Outcome& outcome) {
  return static_cast<double>(outcome.refused_count) / static_cast<double>(std::max<std::uint64_t>(1, outcome.ok_count + outcome.refused_count));
}

struct Case {
  std::string name;
  LimitRule limit;
  Shows shows{Shows::nothing};
  bool is_declared{false};
  double used_min{0.95};
  double refused_max{0.001};
};

/// In the names of tests.
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

Limits declared(const Case& test) {
  Limits limits;
  if (!test.is_declared) return limits;
  const Span length = std::chrono::duration_cast<Span>(std::chrono::duration<double>(test.limit.length_seconds));
  if (test.limit.kind == Kind::token_bucket)
    limits.pools[0].buckets.push_back({"bucket", test.limit.amount, test.limit.amount / test.limit.length_seconds});
  else
    limits.pools[0].windows.push_back({"window", test.limit.amount, length});
  return limits;
}

std::vector<Caller> floods(std::uint32_t tenants_count, std::size_t each) {
  std::vector<Caller> callers;
  for (std::uint32_t tenant = 0; tenant < tenants_count; ++tenant)
    callers.push_back({.lane = Lane::backfill, .tenant = tenant, .flood_count = each});
  return callers;
}

class Governed : public testing::TestWithParam<std::tuple<Case, std::uint32_t>> {};

TEST_P(Governed, UsesWhatIsAllowedAndIsNotRefused) {
  const auto& [test, tenants_count] = GetParam();
  Emulator emulator(seed(), {test.limit}, test.shows, declared(test), floods(tenants_count, 20 / tenants_count + 1));
  emulator.run_answers(k_learning_answers);
  // Between two refills of what is counted, so that neither end of the measured time has a window's luck.
  emulator.run_seconds(test.limit.length_seconds * 2);
  emulator.forget();
  emulator.run_seconds(std::max(test.limit.length_seconds * 40, 60.0));
  const Outcome total = emulator.total();
  const double allowed = test.limit.amount / test.limit.length_seconds * emulator.counted_seconds();
  const double used = static_cast<double>(total.ok_count) / allowed;
  const double refused = refused_share(total);
  std::printf("%-34s tenants=%-3u used=%.4f refused=%.5f\n", test.name.c_str(), tenants_count, used, refused);
  EXPECT_GE(used, test.used_min) << replay();
  EXPECT_LE(refused, test.refused_max) << replay();
  for (std::size_t i = 0; i < tenants_count; ++i)
    EXPECT_GE(static_cast<double>(emulator.outcome(i).ok_count), static_cast<double>(total.ok_count) / tenants_count / 2) << replay();
}

std::vector<Case> cases() {
  const LimitRule second{.kind = Kind::fixed_window, .amount = 100, .length_seconds = 1, .phase_seconds = 0.37};
  const LimitRule small{.kind = Kind::sliding_log, .amount = 7, .length_seconds = 1};
  const LimitRule interval{.kind = Kind::sliding_log, .amount = 190, .length_seconds = 10};
  const LimitRule minute{.kind = Kind::fixed_window, .amount = 600, .length_seconds = 60, .phase_seconds = 11};
  const LimitRule hour{.kind = Kind::sliding_log, .amount = 1'000, .length_seconds = 3'600};
  const LimitRule day{.kind = Kind::fixed_window, .amount = 15'000, .length_seconds = 86'400, .phase_seconds = 40'000};
  const LimitRule rolling_day{.kind = Kind::sliding_log, .amount = 15'000, .length_seconds = 86'400};
  const LimitRule bucket{.kind = Kind::token_bucket, .amount = 40, .length_seconds = 20};
  const LimitRule burst{.kind = Kind::fixed_window, .amount = 80, .length_seconds = 2, .phase_seconds = 0.9};
  std::vector<Case> all;
  for (const auto& [name, limit] : {std::pair{"second", second}, {"small_second", small}, {"interval", interval},
                                    {"minute", minute}, {"hour", hour}, {"day", day}, {"bucket", bucket}})
    all.push_back({std::string("declared_") + name, limit, Shows::nothing, true});
  all.push_back({"told_x_ratelimit_minute", minute, Shows::x_ratelimit});
  all.push_back({"told_x_ratelimit_interval", interval, Shows::x_ratelimit});
  all.push_back({"told_hubspot", interval, Shows::hubspot});
  all.push_back({"told_shopify", bucket, Shows::shopify});
  all.push_back({"told_salesforce", rolling_day, Shows::salesforce});
  all.push_back({"told_pipedrive", burst, Shows::pipedrive});
  for (const auto& [name, limit] : {std::pair{"second", second}, {"small_second", small}, {"interval", interval},
                                    {"minute", minute}, {"bucket", bucket}}) {
    all.push_back({std::string("hidden_") + name, limit, Shows::nothing, false, 0.90, 0.01});
    all.push_back({std::string("hidden_retry_after_") + name, limit, Shows::retry_after, false, 0.90, 0.01});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Kinds, Governed, testing::Combine(testing::ValuesIn(cases()), testing::Values(1u, 10u)),
                         [](const auto& param_info) {
                           return std::get<0>(param_info.param).name + (std::get<1>(param_info.param) == 1 ? "_one_tenant" : "_ten_tenants");
                         });

constexpr LimitRule k_interval{.kind = Kind::fixed_window, .amount = 100, .length_seconds = 10, .phase_seconds = 3.3};

class Halved : public testing::TestWithParam<std::tuple<Kind, Shows>> {};

TEST_P(Halved, HiddenLimitIsFoundAgainWithinTwoWindows) {
  const auto& [kind, shows] = GetParam();
  LimitRule rule = k_interval;
  rule.kind = kind;
  Emulator emulator(seed(), {rule}, shows, {}, floods(1, 20));
  emulator.run_answers(k_learning_answers * 2);
  emulator.run_seconds(rule.length_seconds * 2);
  emulator.limit(0).amount /= 2;
  emulator.run_seconds(rule.length_seconds * 2);
  emulator.forget();
  emulator.run_seconds(rule.length_seconds * 40);
  const double used = static_cast<double>(emulator.total().ok_count) / (rule.amount / 2 / rule.length_seconds * emulator.counted_seconds());
  std::printf("halved used=%.4f refused=%.5f\n", used, refused_share(emulator.total()));
  EXPECT_LE(refused_share(emulator.total()), 0.01) << replay();
  EXPECT_GE(used, 0.85) << replay();
}

INSTANTIATE_TEST_SUITE_P(Kinds, Halved,
                         testing::Combine(testing::Values(Kind::fixed_window, Kind::sliding_log, Kind::token_bucket),
                                          testing::Values(Shows::nothing, Shows::retry_after)));

class Interactive : public testing::TestWithParam<std::tuple<Case, std::uint32_t>> {};

TEST_P(Interactive, CallsWaitLessThanASecondWhileBackfillsFlood) {
  const auto& [test, tenants_count] = GetParam();
  std::vector<Caller> callers = floods(tenants_count, 40 / tenants_count);
  callers.push_back({.lane = Lane::interactive, .tenant = 0, .every_seconds = std::max(2.0, 30 * test.limit.length_seconds / test.limit.amount)});
  Emulator emulator(seed(), {test.limit}, test.shows, declared(test), callers);
  emulator.run_answers(k_learning_answers);
  emulator.run_seconds(test.limit.length_seconds * 2);
  emulator.forget();
  emulator.run_seconds(test.limit.length_seconds * 30 + 60);
  const Outcome& calls = emulator.outcome(tenants_count);
  std::printf("%-34s tenants=%-3u calls=%-6llu longest wait=%.3f s\n", test.name.c_str(), tenants_count,
              static_cast<unsigned long long>(calls.ok_count), calls.wait_max_seconds);
  EXPECT_GT(calls.ok_count, 10u);
  EXPECT_LT(calls.wait_max_seconds, 1) << replay();
}

std::vector<Case> cases_seen_beforehand() {
  std::vector<Case> all;
  for (const Case& test : cases())
    if (!test.name.starts_with("hidden")) all.push_back(test);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Kinds, Interactive, testing::Combine(testing::ValuesIn(cases_seen_beforehand()), testing::Values(1u, 10u)),
                         [](const auto& param_info) {
                           return std::get<0>(param_info.param).name + "_" + std::to_string(std::get<1>(param_info.param));
                         });

TEST(Governed, NoTenantGetsLessThanHalfItsShareWhateverTheOthersSend) {
  Limits limits;
  limits.pools[0].windows.push_back({"interval", 100, std::chrono::seconds(10)});
  std::vector<Caller> callers{{.lane = Lane::interactive, .tenant = 0, .flood_count = 50},
                              {.lane = Lane::webhook, .tenant = 1, .flood_count = 20}};
  for (std::uint32_t tenant = 2; tenant < 10; ++tenant) callers.push_back({.lane = Lane::backfill, .tenant = tenant, .flood_count = 2});
  Emulator emulator(seed(), {k_interval}, Shows::nothing, limits, callers);
  emulator.run_answers(k_learning_answers);
  emulator.forget();
  emulator.run_seconds(2'000);
  const double share = static_cast<double>(emulator.total().ok_count) / 10;
  for (std::size_t tenant = 0; tenant < 10; ++tenant)
    EXPECT_GE(static_cast<double>(emulator.outcome(tenant).ok_count), share / 2) << "tenant " << tenant << ", " << replay();
  EXPECT_GT(emulator.outcome(0).ok_count, emulator.outcome(1).ok_count);
  EXPECT_GT(emulator.outcome(1).ok_count, emulator.outcome(2).ok_count);
}

TEST(Governed, EveryLaneOfATenantMovesWhenAllAreFull) {
  Limits limits;
  limits.pools[0].windows.push_back({"interval", 100, std::chrono::seconds(10)});
  std::vector<Caller> callers;
  for (const Lane lane : {Lane::interactive, Lane::webhook, Lane::incremental, Lane::backfill})
    callers.push_back({.lane = lane, .flood_count = 20});
  Emulator emulator(seed(), {k_interval}, Shows::nothing, limits, callers);
  emulator.run_answers(k_learning_answers);
  emulator.forget();
  emulator.run_seconds(1'000);
  for (std::size_t lane = 0; lane + 1 < callers.size(); ++lane)
    EXPECT_GT(emulator.outcome(lane).ok_count, 2 * emulator.outcome(lane + 1).ok_count);
  EXPECT_GT(emulator.outcome(3).ok_count, 50u);
}

TEST(Governed, ConcurrencyIsNeverAboveTheDeclaredOne) {
  Limits limits;
  limits.pools[0].concurrency_max = 10;
  Emulator emulator(seed(), {}, Shows::nothing, limits, floods(3, 20));
  emulator.server_concurrency_max = 10;
  emulator.run_answers(20'000);
  EXPECT_EQ(emulator.total().refused_count, 0u);
  EXPECT_GT(static_cast<double>(emulator.total().ok_count) / emulator.now(), 0.95 * 10 / 0.046);  // a mean answer takes 46 ms
}

TEST(Governed, CostsCountAndSmallRequestsPassBetweenLargeOnes) {
  Limits limits;
  limits.pools[0].windows.push_back({"points", 1'000, std::chrono::seconds(60)});
  const LimitRule points{.kind = Kind::sliding_log, .amount = 1'000, .length_seconds = 60};
  Emulator emulator(seed(), {points}, Shows::nothing, limits,
                    {{.lane = Lane::backfill, .cost = 100, .flood_count = 5}, {.lane = Lane::incremental, .cost = 1, .flood_count = 5}});
  emulator.run_answers(k_learning_answers);
  emulator.forget();
  emulator.run_seconds(3'000);
  EXPECT_EQ(emulator.total().refused_count, 0u) << replay();
  EXPECT_GT(emulator.outcome(0).ok_count, 10u);
  EXPECT_GT(emulator.outcome(1).ok_count, emulator.outcome(0).ok_count);
}

TEST(Governed, APoolOfSomePathsHoldsUpOnlyItsOwn) {
  Limits limits;
  limits.pools[0].windows.push_back({"interval", 190, std::chrono::seconds(10)});
  limits.pools.push_back({.name = "search", .path = "/search", .windows = {{"second", 5, std::chrono::seconds(1)}}});
  const LimitRule interval{.kind = Kind::sliding_log, .amount = 190, .length_seconds = 10};
  Emulator emulator(seed(), {interval}, Shows::nothing, limits,
                    {{.lane = Lane::backfill, .pool = 1, .flood_count = 20}, {.lane = Lane::backfill, .pool = 0, .flood_count = 20}});
  emulator.run_answers(k_learning_answers);
  emulator.run_seconds(20);
  emulator.forget();
  emulator.run_seconds(400);
  EXPECT_EQ(emulator.total().refused_count, 0u) << replay();
  EXPECT_GT(static_cast<double>(emulator.outcome(0).ok_count), 0.9 * 5 * 400);
  EXPECT_GT(static_cast<double>(emulator.total().ok_count), 0.95 * 19 * 400);
}

}  // namespace
}  // namespace tomada::limit
