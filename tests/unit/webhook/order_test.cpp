#include "tests/unit/webhook/fixture.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <random>

namespace tomada::webhook {
namespace {

using namespace std::chrono_literals;

TEST_F(WebhookTest, EffectsOfASubjectComeInTheOrderOfArrivalWhateverFails) {
  std::mt19937 random(4711);
  std::map<std::string, int> running;  // by subject
  code.on_webhook = [&](const tomada_host& host, tomada_call call, const tomada_webhook& webhook,
                        tomada_reply) -> tomada_status {
    const auto body = nlohmann::json::parse(view(webhook.body));
    const std::string subject = body["subject"];
    EXPECT_EQ(++running[subject], 1) << "two of one subject at the same time";
    const auto pause = std::uniform_int_distribution<std::uint64_t>(0, 3)(random);
    const auto slept = abi::service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, pause);
    --running[subject];
    if (slept != TOMADA_OK) return slept;
    const auto kind = std::uniform_int_distribution<int>(0, 9)(random);
    if (kind == 0) return TOMADA_E_UNAVAILABLE;
    if (kind == 1) return TOMADA_E_INVALID_DATA;
    // A record of its own for each event: the store's change order is the order of the effects.
    return upsert(host, call, subject + "-" + std::to_string(body["number"].get<int>()), view(webhook.body));
  };
  constexpr int k_subjects = 7;
  constexpr int k_events_each = 12;
  for (int number = 0; number < k_events_each; ++number)
    for (int subject = 0; subject < k_subjects; ++subject) {
      const std::string name = "s" + std::to_string(subject);
      accept(name + "." + std::to_string(number), name,
             nlohmann::json{{"subject", name}, {"number", number}}.dump());
    }
  const auto pending_count = [&] {
    return run([&](Task& task) { return value_of(store->webhooks().counts(task)); }).pending;
  };
  int rounds = 0;
  for (; pending_count() > 0 && rounds < 500; ++rounds) {
    while (work({.running_max = 5}, [&] { clock.advance(1ms); })) {
    }
    clock.advance(1min);
  }
  EXPECT_LT(rounds, 500);
  EXPECT_GT(rounds, 3) << "nothing failed";

  std::map<std::string, int> last;
  for (const auto& record : records()) {
    const auto data = nlohmann::json::parse(record.data_json);
    const std::string subject = data["subject"];
    const int number = data["number"];
    EXPECT_EQ(record.version, 1) << record.external_id << " took effect twice";
    const auto seen = last.find(subject);
    EXPECT_GT(number, seen == last.end() ? -1 : seen->second) << subject;
    last[subject] = number;
  }
  EXPECT_EQ(last.size(), static_cast<std::size_t>(k_subjects));
  const auto failed = run([&](Task& task) { return value_of(store->webhooks().counts(task)); }).failed;
  EXPECT_EQ(records().size() + static_cast<std::size_t>(failed), static_cast<std::size_t>(k_subjects * k_events_each));
}

}  // namespace
}  // namespace tomada::webhook
