// Webhooks that come to two hosts of one database.
#include "tests/unit/store/postgres_pair.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct PostgresIntakeTest : PostgresPair {
  /// `tasks_count` tasks of one loop, `count` events with the ids 0, 1, …; what each came to.
  std::vector<Result<Acceptance>> send(Store& store, std::size_t tasks_count, std::size_t count, const std::string& name) {
    std::atomic<std::size_t> next{0};
    std::vector<Result<Acceptance>> answers;
    on_loop_at_once(tasks_count, [&](Task& task, std::size_t) {
      for (std::size_t i = next++; i < count; i = next++) {
        const NewWebhook event = new_webhook(integration, name + std::to_string(i));
        answers.push_back(store.webhooks().accept(task, {&event, 1}));
        ++answered;
        answered.notify_all();
      }
      return 0;
    });
    return answers;
  }
  std::atomic<std::size_t> answered{0};
};

TEST_F(PostgresIntakeTest, TheSameEventAtBothHostsAtOnceIsOneWithOneId) {
  constexpr std::size_t k_events_count = 400;
  auto other = std::async(std::launch::async, [&] { return send(*two, 32, k_events_count, "evt_"); });
  auto answers = send(*one, 32, k_events_count, "evt_");
  for (auto& answer : other.get()) answers.push_back(std::move(answer));
  std::map<std::int64_t, int> times;
  int stored_count = 0;
  for (auto& answer : answers) {
    const AcceptedWebhook accepted = value_of(std::move(answer)).events.at(0);
    ++times[accepted.webhook_id];
    stored_count += accepted.duplicate ? 0 : 1;
  }
  EXPECT_EQ(stored_count, static_cast<int>(k_events_count));
  EXPECT_EQ(times.size(), k_events_count);
  EXPECT_TRUE(std::all_of(times.begin(), times.end(), [](const auto& one_id) { return one_id.second == 2; }));
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.webhook_log"), std::to_string(k_events_count));
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.webhook_payloads"), std::to_string(k_events_count));
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.jobs WHERE kind = 'webhook'"), "1");
  EXPECT_EQ(ask("SELECT sum(bytes) FROM integrations.webhook_payload_changes"),
            ask("SELECT sum(octet_length(headers) + octet_length(body)) FROM integrations.webhook_payloads"));
}

TEST_F(PostgresIntakeTest, WhatIsAcknowledgedIsThereOnceThoughEveryConnectionEnds) {
  constexpr std::size_t k_events_count = 3000;
  constexpr std::size_t k_answers_between = 100;
  auto killer = std::async(std::launch::async, [&] {
    int killed_count = 0;
    for (std::size_t at = k_answers_between; at < k_events_count; at += k_answers_between) {
      for (std::size_t seen = answered; seen < at; seen = answered) answered.wait(seen);
      killed_count += std::stoi(ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                    " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"));
    }
    return killed_count;
  });
  auto other = std::async(std::launch::async, [&] { return send(*two, 16, k_events_count / 2, "two_"); });
  auto answers = send(*one, 16, k_events_count / 2, "one_");
  for (auto& answer : other.get()) answers.push_back(std::move(answer));
  EXPECT_GT(killer.get(), 20);  // fewer when the machine is busy: a connection must come back before it can end again
  std::size_t acknowledged_count = 0;
  std::string ids;
  for (const auto& answer : answers) {
    if (answer.has_error()) {
      EXPECT_EQ(answer.error().code, Errc::unavailable) << answer.error().message;
      continue;
    }
    ++acknowledged_count;
    EXPECT_FALSE(answer->events.at(0).duplicate);
    ids += (ids.empty() ? "" : ",") + std::to_string(answer->events.at(0).webhook_id);
  }
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.webhook_log JOIN integrations.webhook_payloads USING (webhook_id)"
                " WHERE webhook_id IN (" + ids + ")"), std::to_string(acknowledged_count));
  EXPECT_GT(acknowledged_count, k_events_count / 2);
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.webhook_log"), ask("SELECT count(DISTINCT event_id) FROM integrations.webhook_log"));
}

TEST_F(PostgresIntakeTest, ABadCallFailsAloneWhateverTheServerThinksOfIt) {
  ask("ALTER TABLE integrations.webhook_log ADD CONSTRAINT no_such CHECK (event_type <> 'refused')");
  const auto results = on_loop_at_once(50, [&](Task& task, std::size_t i) {
    NewWebhook event = new_webhook(integration, std::to_string(i));
    if (i == 7) event.event_type = "refused";
    if (i == 8)  // longer than an index entry may be, even compressed
      for (int n = 0; n < 400; ++n) event.subject += new_id();
    if (i == 9) event.app_id = "no id";
    return one->webhooks().accept(task, {&event, 1});
  });
  EXPECT_EQ(std::count_if(results.begin(), results.end(), [](const auto& result) { return result.has_value(); }), 48);
}

TEST_F(PostgresIntakeTest, AnIdThatTheOtherHostMadeTooGivesWay) {
  NewWebhook first = new_webhook(integration, "evt_1");
  NewWebhook second = new_webhook(integration, "evt_2");
  second.webhook_id = first.webhook_id;
  auto other = std::async(std::launch::async, [&] { return accept(*two, second); });
  const AcceptedWebhook accepted = accept(*one, first);
  const AcceptedWebhook others = other.get();
  EXPECT_FALSE(accepted.duplicate || others.duplicate);
  EXPECT_EQ(std::max(accepted.webhook_id, others.webhook_id), first.webhook_id + 1);
  EXPECT_EQ(std::min(accepted.webhook_id, others.webhook_id), first.webhook_id);
}

TEST_F(PostgresIntakeTest, AnEventThatComesWhileItsJobEndsElsewhereIsNotForgotten) {
  for (int round = 0; round < 50; ++round) {
    accept(*one, new_webhook(integration, "first " + std::to_string(round)));
    const Job job = lease_one(*two);
    for (const Webhook& webhook : value_of(on_loop([&](Task& task) {
           return two->webhooks().take(task, job, k_now_ms, false, 10);
         }))) {
      WebhookOutcome done;
      done.tenant_id = tenant.tenant_id;
      done.config_id = integration.config_id;
      done.webhook_id = webhook.webhook_id;
      done.attempt = webhook.processing_attempts;
      done.processing_status = "completed";
      value_of(on_loop([&](Task& task) { return two->webhooks().finish(task, done); }));
    }
    auto other = std::async(std::launch::async, [&] {
      value_of(on_loop([&](Task& task) { return two->jobs().finish(task, job, {.now_ms = k_now_ms}); }));
    });
    accept(*one, new_webhook(integration, "second " + std::to_string(round)));
    other.get();
    EXPECT_EQ(ask("SELECT count(*) FROM integrations.jobs WHERE kind = 'webhook' AND status = 'waiting' AND due_at_ms <= " +
                  std::to_string(k_now_ms)), "1");
    ask("WITH gone AS (DELETE FROM integrations.jobs) , log AS (DELETE FROM integrations.webhook_log) SELECT 1");
  }
}

}  // namespace
}  // namespace tomada::store::testing
