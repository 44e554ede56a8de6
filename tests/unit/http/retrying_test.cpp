#include "host/http/retrying.hpp"

#include "tests/support/scripted_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

namespace tomada::http {
namespace {

using namespace std::chrono_literals;
using testing::failure;
using testing::ScriptedClient;
using testing::status;

struct RetryingTest : ::testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  RetryBudgets budgets;
  RetryPolicy policy;
  double random{0.999999};

  Result<Response> send(ScriptedClient& inner, Request request, runtime::Deadline deadline = runtime::Deadline::never()) {
    const auto client = make_retrying_client(inner, policy, budgets, [this] { return random; });
    return testing::run_manual(loop, clock, [&](runtime::Task& task) { return fetch(task, *client, std::move(request)); }, deadline);
  }
  static Request request(std::string method) { return {.method = std::move(method), .url = "https://api.example.com/a?b=c"}; }
};

TEST_F(RetryingTest, SendsAgainWhatIsSafeUntilItSucceeds) {
  ScriptedClient inner([](const Request&, std::size_t number) { return number < 2 ? status(503) : status(200, {}, "body"); });
  const auto response = send(inner, request("GET"));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->head.status, 200);
  EXPECT_EQ(response->body, "body");
  EXPECT_EQ(inner.sent.size(), 3u);
  EXPECT_EQ(inner.sent[2].url, "https://api.example.com/a?b=c");
  EXPECT_EQ(inner.open_count_max, 1u);  // the answer before is dropped first
}

TEST_F(RetryingTest, WaitsTwiceAsLongBeforeEach) {
  policy.retries_max = 7;
  ScriptedClient inner([](const Request&, std::size_t) { return status(500); });
  EXPECT_EQ(send(inner, request("GET"))->head.status, 500);
  ASSERT_EQ(inner.sent_at.size(), 8u);
  std::vector<std::chrono::milliseconds> waits;
  for (std::size_t i = 1; i < inner.sent_at.size(); ++i)
    waits.push_back(std::chrono::round<std::chrono::milliseconds>((inner.sent_at[i] - inner.sent_at[i - 1]) / 100.0) * 100);
  EXPECT_THAT(waits, ::testing::ElementsAre(1s, 2s, 4s, 8s, 16s, 16s, 16s));
}

TEST_F(RetryingTest, WaitsARandomPartOfThat) {
  random = 0;
  ScriptedClient inner([](const Request&, std::size_t) { return status(502); });
  const auto began = clock.steady();
  (void)send(inner, request("GET"));
  EXPECT_EQ(inner.sent.size(), 4u);
  EXPECT_LT(clock.steady() - began, 100ms);
}

TEST_F(RetryingTest, WaitsAtLeastAsLongAsTheAnswerAsks) {
  random = 0;
  ScriptedClient inner([](const Request&, std::size_t number) {
    auto answer = status(number == 0 ? 429 : 200);
    if (number == 0) answer.head->retry_after = 7s;
    return answer;
  });
  EXPECT_EQ(send(inner, request("POST"))->head.status, 200);
  EXPECT_GE(inner.sent_at.at(1) - inner.sent_at.at(0), 7s);
}

TEST_F(RetryingTest, DoesNotRepeatWhatIsNotSafe) {
  for (const int code : {408, 425, 500, 502, 503, 504}) {
    ScriptedClient inner([&](const Request&, std::size_t) { return status(code); });
    EXPECT_EQ(send(inner, request("POST"))->head.status, code);
    EXPECT_EQ(inner.sent.size(), 1u) << code;
  }
  ScriptedClient broken([](const Request&, std::size_t) { return failure(Errc::unavailable); });
  EXPECT_EQ(send(broken, request("PATCH")).error().code, Errc::unavailable);
  EXPECT_EQ(broken.sent.size(), 1u);
}

TEST_F(RetryingTest, RepeatsAPostWithAnIdempotencyKey) {
  ScriptedClient inner([](const Request&, std::size_t number) { return number == 0 ? failure(Errc::unavailable) : status(201); });
  Request made = request("POST");
  made.body = "{}";
  made.headers = {{"idempotency-key", "1"}};
  EXPECT_EQ(send(inner, made)->head.status, 201);
  EXPECT_EQ(inner.sent.at(1).body, "{}");
  EXPECT_EQ(inner.sent.at(1).headers, made.headers);
}

TEST_F(RetryingTest, RepeatsARefusalWhateverTheMethodBecauseNothingWasDone) {
  ScriptedClient inner([](const Request&, std::size_t number) {
    auto answer = status(number == 0 ? 403 : 200);
    answer.head->throttled = number == 0;
    return answer;
  });
  EXPECT_EQ(send(inner, request("POST"))->head.status, 200);
}

TEST_F(RetryingTest, DoesNotRepeatOtherAnswers) {
  for (const int code : {200, 301, 400, 401, 403, 404, 409, 422, 501}) {
    ScriptedClient inner([&](const Request&, std::size_t) { return status(code); });
    EXPECT_EQ(send(inner, request("GET"))->head.status, code);
    EXPECT_EQ(inner.sent.size(), 1u) << code;
  }
}

TEST_F(RetryingTest, DoesNotRepeatALayersOwnRefusal) {
  ScriptedClient inner([](const Request&, std::size_t) {
    Error error{Errc::unavailable, "the circuit is open"};
    error.retry_after = 60s;
    return ScriptedClient::Answer{error, {}, {}};
  });
  EXPECT_EQ(send(inner, request("GET")).error().code, Errc::unavailable);
  EXPECT_EQ(inner.sent.size(), 1u);
}

TEST_F(RetryingTest, NeverWaitsPastTheDeadline) {
  ScriptedClient inner([](const Request&, std::size_t) { return status(503); });
  const auto response = send(inner, request("GET"), runtime::Deadline::after(clock, 2500ms));
  ASSERT_TRUE(response.has_value());  // the answer it has is better than none
  EXPECT_EQ(response->head.status, 503);
  EXPECT_EQ(inner.sent.size(), 2u);
}

TEST_F(RetryingTest, ABodyInPiecesGoesOutOnce) {
  ScriptedClient inner([](const Request&, std::size_t) { return status(503); });
  Request made = request("PUT");
  made.streamed_length.emplace();
  EXPECT_EQ(send(inner, made)->head.status, 503);
  EXPECT_EQ(inner.sent.size(), 1u);
}

TEST_F(RetryingTest, RetriesAreAShareOfTheTrafficSoAnOutageIsNotMultiplied) {
  random = 0;
  ScriptedClient inner([](const Request&, std::size_t) { return status(503); });
  constexpr std::size_t k_requests = 1'000;
  for (std::size_t i = 0; i < k_requests; ++i) (void)send(inner, request("GET"));
  EXPECT_LE(inner.sent.size(), k_requests * 12 / 10 + 10);
  EXPECT_GE(inner.sent.size(), k_requests * 12 / 10);
}

/// Whatever a provider does: never more attempts than allowed, never past the deadline, never twice what is not safe.
TEST_F(RetryingTest, KeepsItsBoundsUnderRandomAnswers) {
  const std::uint64_t seed = testing::test_seed(7);
  std::mt19937_64 generator(seed);
  const auto pick = [&](std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(generator); };
  for (int round = 0; round < 2'000; ++round) {
    policy.retries_max = pick(5);
    random = std::uniform_real_distribution(0.0, 1.0)(generator);
    static constexpr std::array k_codes{200, 404, 408, 429, 500, 503};
    ScriptedClient inner([&](const Request&, std::size_t) {
      if (pick(4) == 0) return failure(pick(2) == 0 ? Errc::unavailable : Errc::forbidden);
      auto answer = status(k_codes[pick(k_codes.size())]);
      if (pick(3) == 0) answer.head->retry_after = std::chrono::milliseconds(pick(20'000));
      answer.takes = std::chrono::milliseconds(pick(500));
      return answer;
    });
    static constexpr std::array k_methods{"GET", "POST", "PUT", "PATCH"};
    Request made = request(k_methods[pick(k_methods.size())]);
    const auto deadline = runtime::Deadline::after(clock, std::chrono::milliseconds(pick(30'000)));
    (void)send(inner, made, deadline);
    ASSERT_LE(inner.sent.size(), policy.retries_max + 1) << "replay with TOMADA_SEED=" << seed << ", round " << round;
    for (const auto at : inner.sent_at) ASSERT_LE(at, deadline.at()) << "replay with TOMADA_SEED=" << seed << ", round " << round;
  }
}

}  // namespace
}  // namespace tomada::http
