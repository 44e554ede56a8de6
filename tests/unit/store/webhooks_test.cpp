// The intake's side of webhooks and what an operator sees of them.
#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct WebhooksTest : StoreTest {
  Result<Acceptance> try_accept(const std::vector<NewWebhook>& events) {
    return on_loop([&](Task& task) { return store().webhooks().accept(task, events); });
  }
  std::vector<Webhook> list(const WebhookFilter& filter = {}) {
    return value_of(on_loop([&](Task& task) {
      return store().webhooks().list(task, tenant.tenant_id, integration.config_id, {}, filter);
    }));
  }
  std::vector<std::string> listed(const WebhookFilter& filter) {
    std::vector<std::string> ids;
    for (const Webhook& webhook : list(filter)) ids.push_back(webhook.event_id);
    return ids;
  }
  Result<std::optional<Webhook>> try_find(const std::string& tenant_id, std::int64_t webhook_id) {
    return on_loop([&](Task& task) {
      return store().webhooks().find(task, tenant_id, integration.config_id, webhook_id);
    });
  }
  std::vector<Job> lease(std::int64_t now_ms = k_now_ms) {
    return value_of(on_loop([&](Task& task) { return store().jobs().lease(task, now_ms, 1000, 10); }));
  }
  void reject(NewWebhook event, std::size_t keep_max) {
    event.processing_error = "no v1 signature matches";
    value_of(on_loop([&](Task& task) { return store().webhooks().reject(task, event, keep_max); }));
  }
};
TOMADA_STORE_SUITE(WebhooksTest);

TEST_P(WebhooksTest, KeepsEveryField) {
  NewWebhook event = new_webhook(integration, "evt_1", "cus_1");
  event.app_id = new_id();
  event.body = std::string("\0\xff", 2);
  const AcceptedWebhook accepted = accept(store(), event);
  EXPECT_EQ(accepted.webhook_id, event.webhook_id);
  EXPECT_FALSE(accepted.duplicate);
  const auto found = value_of(try_find(tenant.tenant_id, event.webhook_id));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->webhook_id, event.webhook_id);
  EXPECT_EQ(found->tenant_id, tenant.tenant_id);
  EXPECT_EQ(found->config_id, integration.config_id);
  EXPECT_EQ(found->app_id, event.app_id);
  EXPECT_EQ(found->event_id, "evt_1");
  EXPECT_EQ(found->event_type, "thing.changed");
  EXPECT_EQ(found->subject, "cus_1");
  EXPECT_EQ(found->source_ip, "192.0.2.1");
  EXPECT_TRUE(found->signature_verified);
  EXPECT_EQ(found->processing_status, "pending");
  EXPECT_EQ(found->processing_attempts, 0);
  EXPECT_EQ(found->next_processing_at_ms, k_now_ms);
  EXPECT_FALSE(found->processed_at_ms);
  EXPECT_EQ(found->received_at_ms, k_now_ms);
  EXPECT_EQ(found->body_bytes, 2);
  EXPECT_EQ(found->headers, event.headers);
  EXPECT_EQ(found->body, event.body);
  EXPECT_TRUE(list().at(0).body.empty());
}

TEST_P(WebhooksTest, AnEventIsStoredOnceForEachIntegration) {
  const Integration second = add_integration(store(), tenant.tenant_id);
  const NewWebhook first = new_webhook(integration, "evt_1");
  NewWebhook again = new_webhook(integration, "evt_1");
  again.body = "other";
  const auto acceptance = value_of(try_accept({first, again, new_webhook(second, "evt_1"), new_webhook(integration, "evt_2")}));
  ASSERT_EQ(acceptance.events.size(), 4u);
  EXPECT_TRUE(acceptance.wakes_job);
  EXPECT_FALSE(acceptance.events[0].duplicate);
  EXPECT_TRUE(acceptance.events[1].duplicate);
  EXPECT_EQ(acceptance.events[1].webhook_id, first.webhook_id);
  EXPECT_FALSE(acceptance.events[2].duplicate);
  const auto later = value_of(try_accept({again}));
  EXPECT_TRUE(later.events.at(0).duplicate);
  EXPECT_FALSE(later.wakes_job);
  EXPECT_EQ(list().size(), 2u);
  EXPECT_EQ(value_of(try_find(tenant.tenant_id, first.webhook_id))->body, first.body);
}

TEST_P(WebhooksTest, ManySendersOfTheSameEventsStoreEachOnce) {
  const auto results = on_loop_at_once(200, [&](Task& task, std::size_t i) {
    const NewWebhook event = new_webhook(integration, std::to_string(i % 50));
    return store().webhooks().accept(task, {&event, 1});
  });
  int stored = 0;
  for (const auto& result : results) stored += value_of(result).events.at(0).duplicate ? 0 : 1;
  EXPECT_EQ(stored, 50);
  EXPECT_EQ(list().size(), 50u);
}

TEST_P(WebhooksTest, AnIdThatIsTakenGivesWayToTheNext) {
  const NewWebhook first = new_webhook(integration, "evt_1");
  NewWebhook second = new_webhook(integration, "evt_2");
  second.webhook_id = first.webhook_id;
  accept(store(), first);
  EXPECT_EQ(accept(store(), second).webhook_id, first.webhook_id + 1);
  EXPECT_EQ(accept(store(), second).webhook_id, first.webhook_id + 1) << "as a duplicate";
  EXPECT_EQ(value_of(try_find(tenant.tenant_id, first.webhook_id + 1))->event_id, "evt_2");
}

TEST_P(WebhooksTest, OneJobForEachIntegrationHoweverManyEvents) {
  for (int i = 0; i < 5; ++i) accept(store(), new_webhook(integration, std::to_string(i)));
  const auto jobs = lease();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].kind, "webhook");
  EXPECT_EQ(jobs[0].config_id, integration.config_id);
  EXPECT_EQ(jobs[0].payload_json, "{}");
  EXPECT_FALSE(value_of(try_accept({new_webhook(integration, "while it runs")})).wakes_job);
  EXPECT_TRUE(lease().empty());
}

TEST_P(WebhooksTest, ASyncAndTheWebhooksOfAnIntegrationRunAtTheSameTime) {
  add_sync(store(), integration);
  accept(store(), new_webhook(integration, "evt_1"));
  EXPECT_EQ(lease().size(), 2u);
}

TEST_P(WebhooksTest, AnInlineEventMakesAJobThatIsDueWhenItIsGivenUp) {
  NewWebhook event = new_webhook(integration, "evt_1");
  event.processing_status = "processing";
  event.next_processing_at_ms = k_now_ms + 2500;
  EXPECT_TRUE(value_of(try_accept({event})).wakes_job);
  EXPECT_TRUE(lease(k_now_ms + 2499).empty());
  // The first event that is due earlier wakes it.
  EXPECT_TRUE(value_of(try_accept({new_webhook(integration, "evt_2")})).wakes_job);
  EXPECT_EQ(lease().size(), 1u);
}

TEST_P(WebhooksTest, IgnoredEventsAreKeptAndMakeNoJob) {
  NewWebhook event = new_webhook(integration, "evt_1");
  event.processing_status = "ignored";
  event.processing_error = "the manifest does not name this type";
  EXPECT_FALSE(value_of(try_accept({event})).wakes_job);
  EXPECT_TRUE(lease().empty());
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0].processing_status, "ignored");
  EXPECT_EQ(list()[0].processing_error, event.processing_error);
  EXPECT_FALSE(list()[0].next_processing_at_ms);
}

TEST_P(WebhooksTest, AnIntegrationThatIsGoneTakesNothingOfTheCall) {
  Integration gone = integration;
  gone.config_id = new_id();
  EXPECT_EQ(code_of(try_accept({new_webhook(integration, "evt_1"), new_webhook(gone, "evt_1")})), Errc::not_found);
  EXPECT_TRUE(list().empty());
  EXPECT_FALSE(accept(store(), new_webhook(integration, "evt_1")).duplicate) << "its key was not taken either";
}

TEST_P(WebhooksTest, ACallThatFailsHarmsNoneOfItsGroup) {
  const auto results = on_loop_at_once(300, [&](Task& task, std::size_t i) {
    NewWebhook event = new_webhook(integration, std::to_string(i));
    if (i % 3 == 0) event.config_id = "no such integration";
    return store().webhooks().accept(task, {&event, 1});
  });
  std::size_t stored = 0;
  for (const auto& result : results) {
    if (result.has_value())
      ++stored;
    else
      EXPECT_EQ(result.error().code, Errc::not_found);
  }
  EXPECT_EQ(stored, 200u);
  EXPECT_EQ(list({.limit = 1000}).size(), 200u);
}

TEST_P(WebhooksTest, RefusedRequestsAreNotEventsAndOnlyTheNewestStay) {
  for (int i = 0; i < 5; ++i) reject(new_webhook(integration, "evt_" + std::to_string(i)), 3);
  const auto refused = list();
  ASSERT_EQ(refused.size(), 3u);
  EXPECT_EQ(refused[0].event_id, "evt_4");
  EXPECT_EQ(refused[0].processing_status, "failed");
  EXPECT_FALSE(refused[0].signature_verified);
  EXPECT_EQ(refused[0].processing_error, "no v1 signature matches");
  EXPECT_TRUE(lease().empty());
  EXPECT_FALSE(accept(store(), new_webhook(integration, "evt_4")).duplicate) << "a forger must not block the real event";
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return store().webhooks().counts(task); })).failed, 0);
}

TEST_P(WebhooksTest, TheListIsFilteredNewestFirst) {
  for (int i = 0; i < 4; ++i) {
    NewWebhook event = new_webhook(integration, std::to_string(i), {}, k_now_ms + i * 1000);
    event.event_type = i % 2 == 0 ? "even" : "odd";
    accept(store(), event);
  }
  reject(new_webhook(integration, "refused", {}, k_now_ms + 9000), 10);
  using Ids = std::vector<std::string>;
  EXPECT_EQ(listed({}), (Ids{"refused", "3", "2", "1", "0"}));
  EXPECT_EQ(listed({.status = "failed"}), (Ids{"refused"}));
  EXPECT_EQ(listed({.status = "failed", .signature_verified = true}), (Ids{}));
  EXPECT_EQ(listed({.status = "pending", .event_type = "odd"}), (Ids{"3", "1"}));
  EXPECT_EQ(listed({.signature_verified = true, .limit = 2}), (Ids{"3", "2"}));
  EXPECT_EQ(listed({.since_ms = k_now_ms + 1000, .until_ms = k_now_ms + 3000}), (Ids{"2", "1"}));
  const std::int64_t second = list({.limit = 3}).back().webhook_id;
  EXPECT_EQ(listed({.before_id = second}), (Ids{"1", "0"}));
}

TEST_P(WebhooksTest, AnotherTenantSeesAndReplaysNothing) {
  const Tenant other = add_tenant(store(), "other");
  const NewWebhook event = new_webhook(integration, "evt_1");
  accept(store(), event);
  Webhooks& webhooks = store().webhooks();
  const auto& config_id = integration.config_id;
  EXPECT_EQ(code_of(try_find(other.tenant_id, event.webhook_id)), Errc::not_found);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return webhooks.list(task, other.tenant_id, config_id, {}, {}); })),
            Errc::not_found);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return webhooks.attempts(task, other.tenant_id, config_id, event.webhook_id); })),
            Errc::not_found);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return webhooks.replay(task, other.tenant_id, config_id, {}, k_now_ms); })),
            Errc::not_found);
  NewWebhook foreign = new_webhook(integration, "evt_2");
  foreign.tenant_id = other.tenant_id;
  EXPECT_EQ(code_of(try_accept({foreign})), Errc::not_found);
  // An event of another integration of the same tenant is not this one's either.
  const Integration second = add_integration(store(), tenant.tenant_id);
  const auto found = value_of(on_loop([&](Task& task) {
    return webhooks.find(task, tenant.tenant_id, second.config_id, event.webhook_id);
  }));
  EXPECT_FALSE(found);
}

TEST_P(WebhooksTest, EventsOfAnUnknownAccountBelongToTheOwnerOfTheApp) {
  const Tenant other = add_tenant(store(), "other");
  const App app = add_app(store(), tenant.tenant_id, true);
  NewWebhook event = new_webhook(integration, "evt_1");
  event.config_id.clear();
  event.app_id = app.app_id;
  event.processing_status = "ignored";
  EXPECT_FALSE(accept(store(), event).duplicate);
  EXPECT_TRUE(accept(store(), event).duplicate);
  const auto list_of = [&](const std::string& tenant_id) {
    return on_loop([&](Task& task) { return store().webhooks().list(task, tenant_id, {}, app.app_id, {}); });
  };
  const auto find_of = [&](const std::string& tenant_id) {
    return value_of(on_loop([&](Task& task) { return store().webhooks().find(task, tenant_id, {}, event.webhook_id); }));
  };
  EXPECT_EQ(value_of(list_of(tenant.tenant_id)).size(), 1u);
  EXPECT_EQ(code_of(list_of(other.tenant_id)), Errc::not_found);
  EXPECT_TRUE(find_of(tenant.tenant_id));
  EXPECT_FALSE(find_of(other.tenant_id));
  EXPECT_TRUE(list().empty());
  value_of(on_loop([&](Task& task) { return store().apps().remove(task, tenant.tenant_id, app.app_id); }));
  EXPECT_FALSE(find_of(tenant.tenant_id));
}

TEST_P(WebhooksTest, RemovingTheIntegrationRemovesItsEvents) {
  std::vector<NewWebhook> events;
  for (int i = 0; i < 4500; ++i) events.push_back(new_webhook(integration, std::to_string(i)));
  value_of(try_accept(events));
  const Integration second = add_integration(store(), tenant.tenant_id);
  accept(store(), new_webhook(second, "evt_1"));
  value_of(on_loop([&](Task& task) {
    return store().integrations().remove(task, tenant.tenant_id, integration.config_id);
  }));
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return store().webhooks().counts(task); })).pending, 1);
  EXPECT_EQ(lease().size(), 1u);
}

}  // namespace
}  // namespace tomada::store::testing
