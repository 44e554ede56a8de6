#include "host/breaker/breaker.hpp"

#include "tests/support/scripted_client.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace tomada::breaker {
namespace {

using namespace std::chrono_literals;

struct BreakerTest : testing::Test {
  Breaker breaker;
  Policy policy;
  Time now{1h};

  bool send(Outcome outcome) {
    const auto pass = breaker.admit(now, policy);
    if (pass) (void)breaker.done(now, policy, *pass, outcome);
    return pass.has_value();
  }
  void fail(int count) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(send(Outcome::failure));
  }
};

TEST_F(BreakerTest, OpensAfterSoManyFailuresInARow) {
  fail(4);
  EXPECT_TRUE(send(Outcome::success));
  fail(4);
  EXPECT_EQ(breaker.state(), State::closed);
  fail(1);
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_FALSE(send(Outcome::success));
  EXPECT_EQ(breaker.retry_at(), now + 60s);
}

TEST_F(BreakerTest, OpensWhenHalfOfTheLastMinuteFailed) {
  for (int i = 0; i < 10; ++i) {
    fail(1);
    if (breaker.state() == State::open) break;
    EXPECT_TRUE(send(Outcome::success));
    now += 1s;
  }
  fail(1);
  EXPECT_EQ(breaker.state(), State::open);
}

TEST_F(BreakerTest, FailuresOfLongAgoDoNotCount) {
  for (int i = 0; i < 19; ++i) {
    fail(1);
    EXPECT_TRUE(send(Outcome::success));
    now += 10s;
  }
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST_F(BreakerTest, LetsOneAtATimeTryAndClosesAfterThreeSuccesses) {
  fail(5);
  now += 60s;
  const auto probe = breaker.admit(now, policy);
  ASSERT_TRUE(probe && probe->is_probe);
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_FALSE(breaker.admit(now, policy));
  EXPECT_FALSE(breaker.done(now, policy, *probe, Outcome::success));
  EXPECT_TRUE(send(Outcome::success));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_TRUE(send(Outcome::success));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST_F(BreakerTest, OneFailureWhileItTriesOpensItAgain) {
  fail(5);
  now += 60s;
  EXPECT_TRUE(send(Outcome::success));
  EXPECT_TRUE(send(Outcome::failure));
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_FALSE(breaker.admit(now + 59s, policy));
  EXPECT_TRUE(breaker.admit(now + 60s, policy));
}

TEST_F(BreakerTest, NeutralOutcomesChangeNothingAndFreeTheProbe) {
  fail(4);
  EXPECT_TRUE(send(Outcome::neutral));
  fail(1);
  EXPECT_EQ(breaker.state(), State::open);
  now += 60s;
  EXPECT_TRUE(send(Outcome::neutral));
  EXPECT_TRUE(send(Outcome::success));
}

TEST_F(BreakerTest, WhatWasSentBeforeItOpenedSaysNothingLater) {
  const auto early = breaker.admit(now, policy);
  fail(5);
  EXPECT_FALSE(breaker.done(now, policy, *early, Outcome::failure));
  EXPECT_EQ(breaker.retry_at(), now + 60s);
}

TEST_F(BreakerTest, ADisabledOneLetsAllThrough) {
  policy.enabled = false;
  fail(100);
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST_F(BreakerTest, OpenSurvivesARestartAndHalfOpenTriesAnew) {
  breaker.restore(State::open, now + 10s, {});
  EXPECT_FALSE(breaker.admit(now, policy));
  breaker.restore(State::half_open, now, {});
  EXPECT_TRUE(breaker.admit(now, policy));
}

/// Random callers: an open circuit lets nothing through before its time, half open lets one at a time, and it always ends up
/// closed when the provider is well again.
TEST_F(BreakerTest, KeepsItsRulesUnderRandomSequences) {
  const std::uint64_t seed = http::testing::test_seed(11);
  std::mt19937_64 random(seed);
  const auto replay = [&] { return "replay with TOMADA_SEED=" + std::to_string(seed); };
  for (int round = 0; round < 200; ++round) {
    breaker = {};
    policy.threshold = std::uniform_int_distribution(1, 10)(random);
    const double failing = std::uniform_real_distribution(0.0, 1.0)(random);
    std::deque<Breaker::Pass> under_way;
    for (int step = 0; step < 500; ++step) {
      now += std::chrono::milliseconds(std::uniform_int_distribution(0, 2'000)(random));
      const State before = breaker.state();
      const Time retry_at = breaker.retry_at();
      if (const auto pass = breaker.admit(now, policy)) {
        ASSERT_FALSE(before == State::open && now < retry_at) << replay();
        if (breaker.state() == State::half_open) {
          std::size_t probes = 0;
          for (const auto& other : under_way) probes += other.epoch == pass->epoch && other.is_probe ? 1 : 0;
          ASSERT_EQ(probes, 0u) << replay();
        }
        under_way.push_back(*pass);
      }
      if (!under_way.empty() && random() % 2 == 0) {
        const std::size_t at = random() % under_way.size();
        const double dice = std::uniform_real_distribution(0.0, 1.0)(random);
        (void)breaker.done(now, policy, under_way[at], dice < 0.1 ? Outcome::neutral : dice < failing ? Outcome::failure : Outcome::success);
        under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    for (const auto& pass : under_way) (void)breaker.done(now, policy, pass, Outcome::neutral);
    now += policy.timeout;
    for (int i = 0; i < 3; ++i) (void)send(Outcome::success);
    ASSERT_EQ(breaker.state(), State::closed) << replay();
  }
}

}  // namespace
}  // namespace tomada::breaker
