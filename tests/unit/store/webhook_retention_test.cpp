#include "tests/support/store_fixture.hpp"

#include <gmock/gmock.h>

namespace tomada::store::testing {
namespace {

using ::testing::ElementsAre;
using runtime::Task;

constexpr std::int64_t k_day_ms = 86'400'000;

struct WebhookRetentionTest : StoreTest {
  /// An event of `days` after k_now_ms in this state.
  Webhook add(std::int64_t days, const std::string& status) {
    const std::int64_t at_ms = k_now_ms + days * k_day_ms;
    NewWebhook event = new_webhook(integration, status + std::to_string(days), {}, at_ms);
    event.body.assign(1000, 'x');
    event.headers.clear();
    if (status == "failed") event.processing_status = "processing";
    if (status != "failed") event.processing_status = status;
    const auto webhook_id = accept(store(), event).webhook_id;
    if (status == "failed") {
      WebhookOutcome outcome;
      outcome.tenant_id = tenant.tenant_id;
      outcome.config_id = integration.config_id;
      outcome.webhook_id = webhook_id;
      outcome.attempt = 1;
      outcome.processing_status = "failed";
      outcome.now_ms = at_ms;
      value_of(on_loop([&](Task& task) { return store().webhooks().finish(task, outcome); }));
    }
    return find(webhook_id).value_or(Webhook{});
  }
  std::optional<Webhook> find(std::int64_t webhook_id) {
    return value_of(on_loop([&](Task& task) {
      return store().webhooks().find(task, tenant.tenant_id, integration.config_id, webhook_id);
    }));
  }
  std::vector<std::string> left() {
    std::vector<std::string> ids;
    for (const Webhook& webhook : value_of(on_loop([&](Task& task) {
           return store().webhooks().list(task, tenant.tenant_id, integration.config_id, {}, {});
         })))
      ids.push_back(webhook.event_id);
    return ids;
  }
  std::int64_t trim(const WebhookRetention& retention) {
    std::int64_t all = 0;
    while (const auto count = value_of(on_loop([&](Task& task) { return store().webhooks().trim(task, retention); })))
      all += count;
    return all;
  }
  static constexpr std::int64_t k_no_limit = 1'000'000'000;
};
TOMADA_STORE_SUITE(WebhookRetentionTest);

TEST_P(WebhookRetentionTest, OldFinishedEventsGoOpenOnesNeverAndDeadOnesLater) {
  for (int day = 0; day < 4; ++day)
    for (const char* status : {"ignored", "failed", "pending"}) add(day, status);
  const WebhookRetention retention{.finished_before_ms = k_now_ms + 3 * k_day_ms,
                                   .failed_before_ms = k_now_ms + k_day_ms,
                                   .payload_bytes_max = k_no_limit,
                                   .rows_max = 2};
  EXPECT_EQ(trim(retention), 4);
  EXPECT_THAT(left(), ElementsAre("pending3", "failed3", "ignored3", "pending2", "failed2", "pending1", "failed1", "pending0"));
  EXPECT_EQ(trim(retention), 0);
}

TEST_P(WebhookRetentionTest, AboveTheSizeTheOldestFinishedPayloadsGoAndTheirRowsStay) {
  const Webhook pending = add(0, "pending");
  std::vector<Webhook> finished;
  for (int day = 1; day <= 5; ++day) finished.push_back(add(day, "ignored"));
  const WebhookRetention retention{.payload_bytes_max = 4000, .rows_max = 1};
  EXPECT_EQ(trim(retention), 2);
  EXPECT_EQ(left().size(), 6u);
  EXPECT_EQ(find(pending.webhook_id)->body.size(), 1000u);
  EXPECT_TRUE(find(finished[0].webhook_id)->body.empty());
  EXPECT_TRUE(find(finished[1].webhook_id)->body.empty());
  EXPECT_EQ(find(finished[0].webhook_id)->body_bytes, 1000);
  EXPECT_EQ(find(finished[2].webhook_id)->body.size(), 1000u);
  // What has no body any more cannot be handed to the plugin again.
  EXPECT_EQ(value_of(on_loop([&](Task& task) {
              return store().webhooks().replay(task, tenant.tenant_id, integration.config_id, {}, k_now_ms + 9 * k_day_ms);
            })),
            3);
  EXPECT_EQ(trim({.payload_bytes_max = 0}), 0) << "open events keep theirs, however much too many";
}

TEST_P(WebhookRetentionTest, TheSizeIsCountedThroughEveryWayAPayloadGoes) {
  for (int i = 0; i < 5; ++i) {
    NewWebhook event = new_webhook(integration, std::to_string(i));
    event.body.assign(1000, 'x');
    value_of(on_loop([&](Task& task) { return store().webhooks().reject(task, event, 2); }));
  }
  const Integration second = add_integration(store(), tenant.tenant_id);
  NewWebhook big = new_webhook(second, "big");
  big.body.assign(100'000, 'x');
  accept(store(), big);
  accept(store(), big);
  value_of(on_loop([&](Task& task) {
    return store().integrations().remove(task, tenant.tenant_id, second.config_id);
  }));
  // Two refused ones are left, a little more than 1,000 bytes each.
  EXPECT_EQ(trim({.payload_bytes_max = 3000}), 0);
  EXPECT_EQ(trim({.payload_bytes_max = 1500}), 1);
}

TEST_P(WebhookRetentionTest, KeysOutliveTheirEventsUntilTheyAreOldThemselves) {
  const Webhook old = add(0, "ignored");
  NewWebhook again = new_webhook(integration, old.event_id);
  WebhookRetention retention{.finished_before_ms = k_now_ms + k_day_ms, .payload_bytes_max = k_no_limit};
  EXPECT_EQ(trim(retention), 1);
  EXPECT_FALSE(find(old.webhook_id));
  EXPECT_EQ(accept(store(), again).webhook_id, old.webhook_id);
  EXPECT_TRUE(accept(store(), again).duplicate);
  retention.keys_before_ms = (old.webhook_id >> 22) + 1;
  EXPECT_EQ(trim(retention), 1);
  EXPECT_FALSE(accept(store(), again).duplicate);
}

TEST_P(WebhookRetentionTest, OldKeysAreFoundAmongManyInSteps) {
  std::vector<NewWebhook> events;
  for (int i = 0; i < 500; ++i) events.push_back(new_webhook(integration, std::to_string(i)));
  value_of(on_loop([&](Task& task) { return store().webhooks().accept(task, events); }));
  EXPECT_EQ(trim({.payload_bytes_max = k_no_limit, .keys_before_ms = (events.back().webhook_id >> 22) + 1, .rows_max = 7}), 500);
  EXPECT_EQ(left().size(), 100u) << "the events are pending and stay";
}

}  // namespace
}  // namespace tomada::store::testing
