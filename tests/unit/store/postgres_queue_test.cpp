// Many events of one integration that end at the same time.
#include "tests/unit/store/postgres_pair.hpp"

#include <algorithm>

namespace tomada::store::testing {
namespace {

using runtime::Task;

constexpr std::size_t k_events_count = 100;

struct PostgresQueueTest : PostgresPair {
  std::vector<Webhook> take_all(const Integration& of) {
    std::vector<NewWebhook> events;
    for (std::size_t i = 0; i < k_events_count; ++i) events.push_back(new_webhook(of, std::to_string(i)));
    value_of(on_loop([&](Task& task) { return one->webhooks().accept(task, events); }));
    return value_of(on_loop([&](Task& task) { return one->webhooks().take(task, lease_one(*one), k_now_ms, true, k_events_count); }));
  }
  /// Completed, with one record named after the event.
  static WebhookOutcome completed(const Integration& of, const Webhook& webhook) {
    WebhookOutcome made;
    made.tenant_id = of.tenant_id;
    made.config_id = of.config_id;
    made.webhook_id = webhook.webhook_id;
    made.attempt = webhook.processing_attempts;
    made.processing_status = "completed";
    made.started_at_ms = made.now_ms = k_now_ms;
    made.page = page_of(of, {upsert(webhook.event_id, "{}")});
    made.page->source = "webhook";
    return made;
  }
  std::vector<Result<PageOutcome>> finish_at_once(const std::vector<WebhookOutcome>& outcomes) {
    return on_loop_at_once(outcomes.size(), [&](Task& task, std::size_t i) { return one->webhooks().finish(task, outcomes[i]); });
  }
  std::string completed_count() { return ask("SELECT count(*) FROM integrations.webhook_log WHERE processing_status = 'completed'"); }
  std::string transactions_count() {
    return ask("SELECT count(DISTINCT xmin::text) FROM integrations.webhook_log WHERE processing_status = 'completed'");
  }
  /// As many records as numbers of changes: none was left out or given twice.
  std::string numbering() { return ask("SELECT count(*) = max(sequence) AND count(*) = count(DISTINCT sequence) FROM integrations.records"); }
};

TEST_F(PostgresQueueTest, EventsThatEndAtOnceShareTransactions) {
  std::vector<WebhookOutcome> outcomes;
  for (const Webhook& webhook : take_all(integration)) outcomes.push_back(completed(integration, webhook));
  ASSERT_EQ(outcomes.size(), k_events_count);
  for (auto& result : finish_at_once(outcomes)) EXPECT_EQ(value_of(std::move(result)).changed_count, 1);
  EXPECT_EQ(completed_count(), "100");
  EXPECT_LE(std::stoi(transactions_count()), 10);  // two, unless the loop is interrupted
  EXPECT_EQ(numbering(), "t");
}

TEST_F(PostgresQueueTest, OneThatFailsHasFailedAlone) {
  std::vector<WebhookOutcome> outcomes;
  for (const Webhook& webhook : take_all(integration)) outcomes.push_back(completed(integration, webhook));
  ASSERT_EQ(outcomes.size(), k_events_count);
  ++outcomes[7].attempt;                                         // no longer in hand
  outcomes[8].page->changes.front().data_json = "{";             // the server refuses it
  outcomes[9].tenant_id = outcomes[9].page->tenant_id = new_id();  // not his
  const auto results = finish_at_once(outcomes);
  EXPECT_EQ(std::count_if(results.begin(), results.end(), [](const auto& result) { return result.has_value(); }), 97);
  EXPECT_EQ(completed_count(), "97");
  EXPECT_EQ(ask("SELECT count(*) FROM integrations.records"), "97");
  EXPECT_EQ(numbering(), "t");
}

TEST_F(PostgresQueueTest, IntegrationsDoNotWaitForEachOther) {
  const Integration second = add_integration(*one, tenant.tenant_id);
  std::vector<WebhookOutcome> outcomes;
  for (const Webhook& webhook : take_all(integration)) outcomes.push_back(completed(integration, webhook));
  for (const Webhook& webhook : take_all(second)) outcomes.push_back(completed(second, webhook));
  ASSERT_EQ(outcomes.size(), 2 * k_events_count);
  std::stable_sort(outcomes.begin(), outcomes.end(), [](const auto& a, const auto& b) { return a.webhook_id % 7 < b.webhook_id % 7; });
  for (auto& result : finish_at_once(outcomes)) value_of(std::move(result));
  EXPECT_EQ(completed_count(), "200");
  EXPECT_LE(std::stoi(transactions_count()), 20);
}

}  // namespace
}  // namespace tomada::store::testing
