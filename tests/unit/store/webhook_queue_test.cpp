// Working webhooks off: order, retries, the guard of an attempt, the job that waits with them, replay.
#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;
using Ids = std::vector<std::string>;

struct WebhookQueueTest : StoreTest {
  std::vector<Job> lease(std::int64_t now_ms = k_now_ms) {
    return value_of(on_loop([&](Task& task) { return store().jobs().lease(task, now_ms, 60'000, 10); }));
  }
  std::vector<Webhook> take(const Job& job, std::int64_t now_ms = k_now_ms, bool ordered = false, std::size_t limit = 100) {
    return value_of(on_loop([&](Task& task) { return store().webhooks().take(task, job, now_ms, ordered, limit); }));
  }
  static Ids ids_of(const std::vector<Webhook>& webhooks) {
    Ids ids;
    for (const Webhook& webhook : webhooks) ids.push_back(webhook.event_id);
    return ids;
  }
  std::int64_t reclaim(const Job& job, std::int64_t now_ms = k_now_ms) {
    return value_of(on_loop([&](Task& task) { return store().webhooks().reclaim(task, job, now_ms); }));
  }
  WebhookOutcome outcome(const Webhook& webhook, std::string status, std::int64_t next_ms = 0) {
    WebhookOutcome made;
    made.tenant_id = tenant.tenant_id;
    made.config_id = integration.config_id;
    made.webhook_id = webhook.webhook_id;
    made.attempt = webhook.processing_attempts;
    made.processing_status = std::move(status);
    made.next_processing_at_ms = next_ms;
    made.started_at_ms = k_now_ms;
    made.duration_us = 1234;
    made.now_ms = k_now_ms + 1;
    return made;
  }
  Result<PageOutcome> try_finish(const WebhookOutcome& made) {
    return on_loop([&](Task& task) { return store().webhooks().finish(task, made); });
  }
  Webhook find(std::int64_t webhook_id) {
    return value_of(on_loop([&](Task& task) {
             return store().webhooks().find(task, tenant.tenant_id, integration.config_id, webhook_id);
           }))
        .value_or(Webhook{});
  }
  std::vector<WebhookAttempt> attempts(std::int64_t webhook_id) {
    return value_of(on_loop([&](Task& task) {
      return store().webhooks().attempts(task, tenant.tenant_id, integration.config_id, webhook_id);
    }));
  }
  void end_job(const Job& job, JobOutcome::Kind kind = JobOutcome::Kind::done, std::int64_t due_at_ms = 0) {
    JobOutcome made;
    made.kind = kind;
    made.due_at_ms = due_at_ms;
    made.now_ms = k_now_ms;
    value_of(on_loop([&](Task& task) { return store().jobs().finish(task, job, made); }));
  }
  std::optional<std::int64_t> next_due() {
    return value_of(on_loop([&](Task& task) { return store().jobs().next_due_ms(task); }));
  }
  std::int64_t replay(const WebhookReplay& what, std::int64_t now_ms = k_now_ms + 10) {
    return value_of(on_loop([&](Task& task) {
      return store().webhooks().replay(task, tenant.tenant_id, integration.config_id, what, now_ms);
    }));
  }
  Job accept_and_lease(std::initializer_list<NewWebhook> events) {
    for (const NewWebhook& event : events) accept(store(), event);
    return lease().at(0);
  }
};
TOMADA_STORE_SUITE(WebhookQueueTest);

TEST_P(WebhookQueueTest, DueEventsAreTakenOnceOldestFirst) {
  NewWebhook later = new_webhook(integration, "later");
  later.next_processing_at_ms = k_now_ms + 1;
  const Job job = accept_and_lease({new_webhook(integration, "a"), new_webhook(integration, "b"), later,
                                    new_webhook(integration, "c")});
  const auto taken = take(job, k_now_ms, false, 2);
  EXPECT_EQ(ids_of(taken), (Ids{"a", "b"}));
  EXPECT_EQ(taken.at(0).processing_status, "processing");
  EXPECT_EQ(taken.at(0).processing_attempts, 1);
  EXPECT_EQ(taken.at(0).body, R"({"a":1})");
  EXPECT_EQ(ids_of(take(job)), (Ids{"c"}));
  EXPECT_EQ(ids_of(take(job)), (Ids{}));
  EXPECT_EQ(ids_of(take(job, k_now_ms + 1)), (Ids{"later"}));
}

TEST_P(WebhookQueueTest, LargeEventsAreTakenFewAtATime) {
  for (int i = 0; i < 5; ++i) {
    NewWebhook event = new_webhook(integration, std::to_string(i));
    event.body.assign(3 * 1024 * 1024, 'x');
    accept(store(), event);
  }
  const Job job = lease().at(0);
  EXPECT_EQ(take(job).size(), 2u);
  EXPECT_EQ(take(job).size(), 2u);
  EXPECT_EQ(take(job).size(), 1u);
}

TEST_P(WebhookQueueTest, OnlyTheHolderOfTheLeaseTakes) {
  const Job first = accept_and_lease({new_webhook(integration, "a")});
  const Job second = lease(k_now_ms + 60'000).at(0);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().webhooks().take(task, first, k_now_ms, false, 1); })),
            Errc::conflict);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().webhooks().reclaim(task, first, k_now_ms); })),
            Errc::conflict);
  EXPECT_EQ(take(second).size(), 1u);
}

TEST_P(WebhookQueueTest, EventsOfASubjectFollowEachOther) {
  const Job job = accept_and_lease({new_webhook(integration, "a1", "a"), new_webhook(integration, "a2", "a"),
                                    new_webhook(integration, "b1", "b"), new_webhook(integration, "free"),
                                    new_webhook(integration, "a3", "a")});
  const auto first = take(job, k_now_ms, true);
  EXPECT_EQ(ids_of(first), (Ids{"a1", "b1", "free"}));
  EXPECT_EQ(ids_of(take(job, k_now_ms, true)), (Ids{}));
  value_of(try_finish(outcome(first.at(0), "completed")));
  EXPECT_EQ(ids_of(take(job, k_now_ms, true)), (Ids{"a2"}));
}

TEST_P(WebhookQueueTest, EventsBehindARetryWaitForItAndKeepTheirOrder) {
  const std::int64_t retry_ms = k_now_ms + 60'000;
  const Job job = accept_and_lease({new_webhook(integration, "a1", "a"), new_webhook(integration, "a2", "a"),
                                    new_webhook(integration, "a3", "a"), new_webhook(integration, "b1", "b")});
  auto taken = take(job, k_now_ms, true);
  ASSERT_EQ(ids_of(taken), (Ids{"a1", "b1"}));
  value_of(try_finish(outcome(taken[0], "pending", retry_ms)));
  value_of(try_finish(outcome(taken[1], "completed")));
  EXPECT_EQ(ids_of(take(job, k_now_ms, true)), (Ids{}));
  end_job(job);
  EXPECT_EQ(next_due(), retry_ms) << "events that may not run do not make the job due";
  const Job again = lease(retry_ms).at(0);
  for (const char* expected : {"a1", "a2", "a3"}) {
    taken = take(again, retry_ms, true);
    ASSERT_EQ(ids_of(taken), (Ids{expected}));
    value_of(try_finish(outcome(taken[0], "completed")));
  }
}

TEST_P(WebhookQueueTest, WithoutOrderARetryHoldsNothingUp) {
  const Job job = accept_and_lease({new_webhook(integration, "a1", "a"), new_webhook(integration, "a2", "a")});
  const auto first = take(job, k_now_ms, false, 1);
  value_of(try_finish(outcome(first.at(0), "pending", k_now_ms + 60'000)));
  EXPECT_EQ(ids_of(take(job)), (Ids{"a2"}));
}

TEST_P(WebhookQueueTest, AnotherAttemptsOutcomeChangesNothing) {
  const Job first = accept_and_lease({new_webhook(integration, "a")});
  const Webhook stale = take(first).at(0);
  const Job second = lease(k_now_ms + 60'000).at(0);
  EXPECT_EQ(reclaim(second), 1);
  EXPECT_EQ(code_of(try_finish(outcome(stale, "completed"))), Errc::conflict) << "not in hand";
  const Webhook fresh = take(second).at(0);
  EXPECT_EQ(fresh.processing_attempts, 2);
  WebhookOutcome late = outcome(stale, "completed");
  late.page = page_of(integration, {upsert("x", "{}")});
  late.values = {{"key", "late"}};
  EXPECT_EQ(code_of(try_finish(late)), Errc::conflict);
  EXPECT_EQ(count(store(), integration), 0);
  EXPECT_TRUE(attempts(stale.webhook_id).empty());
  value_of(try_finish(outcome(fresh, "completed")));
  EXPECT_EQ(code_of(try_finish(outcome(fresh, "completed"))), Errc::conflict) << "once";
  EXPECT_EQ(find(stale.webhook_id).processing_status, "completed");
}

TEST_P(WebhookQueueTest, EffectsAttemptAndStateAreOneThing) {
  const Job job = accept_and_lease({new_webhook(integration, "a")});
  const Webhook webhook = take(job).at(0);
  WebhookOutcome done = outcome(webhook, "completed");
  done.page = page_of(integration, {upsert("x", "{}"), upsert("y", "{}")});
  done.page->source = "webhook";
  done.values = {{"kept", "1"}, {std::string(k_value_key_bytes_max + 1, 'k'), "too long"}};
  EXPECT_EQ(code_of(try_finish(done)), Errc::invalid_data);
  EXPECT_EQ(count(store(), integration), 0);
  EXPECT_EQ(find(webhook.webhook_id).processing_status, "processing");
  EXPECT_TRUE(attempts(webhook.webhook_id).empty());

  done.values = {{"kept", "1"}, {"gone", "2"}, {"gone", std::nullopt}};
  EXPECT_EQ(value_of(try_finish(done)).changed_count, 2);
  EXPECT_EQ(changes(store(), integration).at(0).source, "webhook");
  const auto value = [&](std::string_view key) {
    return value_of(on_loop([&](Task& task) {
      return store().values().get(task, tenant.tenant_id, integration.config_id, key);
    }));
  };
  EXPECT_EQ(value("kept"), "1");
  EXPECT_FALSE(value("gone"));
  EXPECT_EQ(find(webhook.webhook_id).processed_at_ms, k_now_ms + 1);
  EXPECT_FALSE(find(webhook.webhook_id).next_processing_at_ms);
  ASSERT_EQ(attempts(webhook.webhook_id).size(), 1u);
  EXPECT_EQ(attempts(webhook.webhook_id)[0].duration_us, 1234);
}

TEST_P(WebhookQueueTest, AnotherIntegrationsRecordsAreRefused) {
  const Integration second = add_integration(store(), tenant.tenant_id);
  const Job job = accept_and_lease({new_webhook(integration, "a")});
  WebhookOutcome done = outcome(take(job).at(0), "completed");
  done.page = page_of(second, {upsert("x", "{}")});
  EXPECT_EQ(code_of(try_finish(done)), Errc::internal);
  EXPECT_EQ(count(store(), second), 0);
}

TEST_P(WebhookQueueTest, ARetryKeepsItsErrorAndCountsUnlessGivenBack) {
  Job job = accept_and_lease({new_webhook(integration, "a")});
  WebhookOutcome failed = outcome(take(job).at(0), "pending", k_now_ms + 5);
  failed.error_code = "unavailable";
  failed.error_message = "down";
  value_of(try_finish(failed));
  EXPECT_EQ(find(failed.webhook_id).next_processing_at_ms, k_now_ms + 5);
  EXPECT_EQ(find(failed.webhook_id).error_code, "unavailable");
  EXPECT_EQ(find(failed.webhook_id).processing_error, "down");
  EXPECT_TRUE(take(job, k_now_ms + 4).empty());
  WebhookOutcome interrupted = outcome(take(job, k_now_ms + 5).at(0), "pending", k_now_ms + 5);
  EXPECT_EQ(interrupted.attempt, 2);
  interrupted.counts_attempt = false;
  value_of(try_finish(interrupted));
  EXPECT_EQ(take(job, k_now_ms + 5).at(0).processing_attempts, 2);
  ASSERT_EQ(attempts(failed.webhook_id).size(), 2u);
  EXPECT_EQ(attempts(failed.webhook_id)[0].error_message, "down");
}

TEST_P(WebhookQueueTest, TheJobStaysWhileEventsWaitAndItsAttemptsNeverCount) {
  Job job = accept_and_lease({new_webhook(integration, "a")});
  for (std::int64_t round = 1; round <= 20; ++round) {
    EXPECT_EQ(job.attempts, 1);
    const std::int64_t next_ms = k_now_ms + round * 1000;
    value_of(try_finish(outcome(take(job, next_ms - 1000).at(0), "pending", next_ms)));
    end_job(job);
    EXPECT_EQ(next_due(), next_ms);
    EXPECT_TRUE(lease(next_ms - 1).empty());
    job = lease(next_ms).at(0);
  }
  value_of(try_finish(outcome(take(job, k_now_ms + 20'000).at(0), "failed")));
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return store().webhooks().counts(task); })).failed, 1);
  end_job(job);
  EXPECT_FALSE(next_due());
}

TEST_P(WebhookQueueTest, AnEventThatArrivesWhileTheJobEndsIsNotForgotten) {
  const Job job = accept_and_lease({new_webhook(integration, "a")});
  value_of(try_finish(outcome(take(job).at(0), "completed")));
  EXPECT_TRUE(take(job).empty());
  accept(store(), new_webhook(integration, "b"));
  end_job(job);
  EXPECT_EQ(ids_of(take(lease().at(0))), (Ids{"b"}));
}

TEST_P(WebhookQueueTest, AnInlineEventIsLeftAloneUntilItIsGivenUp) {
  NewWebhook event = new_webhook(integration, "inline");
  event.processing_status = "processing";
  event.next_processing_at_ms = k_now_ms + 2500;
  const Job job = accept_and_lease({event, new_webhook(integration, "b")});
  EXPECT_EQ(reclaim(job), 0);
  const auto taken = take(job);
  ASSERT_EQ(ids_of(taken), (Ids{"b"}));
  value_of(try_finish(outcome(taken[0], "completed")));
  end_job(job);
  EXPECT_EQ(next_due(), k_now_ms + 2500);
  const Job later = lease(k_now_ms + 2500).at(0);
  EXPECT_EQ(reclaim(later, k_now_ms + 2500), 1);
  const Webhook again = take(later, k_now_ms + 2500).at(0);
  EXPECT_EQ(again.processing_attempts, 2) << "the inline call was the first";
  Webhook inline_call = again;
  inline_call.processing_attempts = 1;
  EXPECT_EQ(code_of(try_finish(outcome(inline_call, "completed"))), Errc::conflict) << "given up";
}

TEST_P(WebhookQueueTest, AnInlineCallThatEndsInTimeLeavesNothingToDo) {
  NewWebhook event = new_webhook(integration, "inline");
  event.processing_status = "processing";
  event.next_processing_at_ms = k_now_ms + 2500;
  accept(store(), event);
  Webhook webhook;
  webhook.webhook_id = event.webhook_id;
  webhook.processing_attempts = 1;
  value_of(try_finish(outcome(webhook, "completed")));
  const Job job = lease(k_now_ms + 2500).at(0);
  EXPECT_EQ(reclaim(job, k_now_ms + 2500), 0);
  EXPECT_TRUE(take(job, k_now_ms + 2500).empty());
  end_job(job);
  EXPECT_FALSE(next_due());
}

TEST_P(WebhookQueueTest, EnablingAnIntegrationWakesItsJobEvenOneThatIsJustPuttingItselfOff) {
  const Job job = accept_and_lease({new_webhook(integration, "a")});
  Integration changed = integration;
  const auto update = [&](bool enabled) {
    changed.is_enabled = enabled;
    changed.updated_at_ms = k_now_ms + 7;
    value_of(on_loop([&](Task& task) { return store().integrations().update(task, changed); }));
    ++changed.version;
  };
  update(false);
  end_job(job, JobOutcome::Kind::retry, k_now_ms + 86'400'000);
  EXPECT_FALSE(value_of(on_loop([&](Task& task) {
    const NewWebhook event = new_webhook(integration, "b");
    return store().webhooks().accept(task, {&event, 1});
  })).wakes_job) << "disabled";
  EXPECT_EQ(next_due(), k_now_ms + 86'400'000);
  update(true);
  EXPECT_EQ(next_due(), k_now_ms + 7);
  const Job second = lease(k_now_ms + 7).at(0);
  update(true);  // while the job believes that it is disabled
  end_job(second, JobOutcome::Kind::retry, k_now_ms + 86'400'000);
  EXPECT_LE(next_due().value_or(0), k_now_ms + 7);
}

TEST_P(WebhookQueueTest, ADeadJobLivesAgainWithTheNextEvent) {
  end_job(accept_and_lease({new_webhook(integration, "a")}), JobOutcome::Kind::dead);
  EXPECT_TRUE(lease().empty());
  accept(store(), new_webhook(integration, "b"));
  EXPECT_EQ(take(lease().at(0)).size(), 2u);
}

TEST_P(WebhookQueueTest, ReplayStartsFinishedEventsAnewAndNothingElse) {
  NewWebhook ignored = new_webhook(integration, "ignored");
  ignored.processing_status = "ignored";
  const Job job = accept_and_lease({new_webhook(integration, "done"), new_webhook(integration, "dead"),
                                    new_webhook(integration, "in hand"), ignored});
  const NewWebhook forged = new_webhook(integration, "forged");
  value_of(on_loop([&](Task& task) { return store().webhooks().reject(task, forged, 10); }));
  const auto taken = take(job);
  ASSERT_EQ(taken.size(), 3u);
  value_of(try_finish(outcome(taken[0], "completed")));
  WebhookOutcome dead = outcome(taken[1], "failed");
  dead.error_code = "permanent";
  value_of(try_finish(dead));

  EXPECT_EQ(replay({.webhook_ids = {forged.webhook_id, taken[2].webhook_id}}), 0);
  EXPECT_EQ(replay({.since_ms = k_now_ms + 1}), 0);
  EXPECT_EQ(replay({.until_ms = k_now_ms}), 0);
  EXPECT_EQ(replay({.status = "failed"}), 1);
  EXPECT_EQ(find(taken[1].webhook_id).processing_status, "pending");
  EXPECT_EQ(find(taken[1].webhook_id).processing_attempts, 0);
  EXPECT_EQ(find(taken[1].webhook_id).error_code, "");
  EXPECT_TRUE(attempts(taken[1].webhook_id).empty());
  EXPECT_EQ(replay({.status = "failed"}), 0);
  EXPECT_EQ(replay({}), 2) << "the completed and the ignored one";
  EXPECT_EQ(ids_of(take(job, k_now_ms + 10)), (Ids{"ignored", "done", "dead"})) << "in the order of their ids";
}

TEST_P(WebhookQueueTest, ReplayWakesTheJob) {
  const Job job = accept_and_lease({new_webhook(integration, "a")});
  const Webhook webhook = take(job).at(0);
  value_of(try_finish(outcome(webhook, "completed")));
  end_job(job);
  EXPECT_EQ(replay({.webhook_ids = {webhook.webhook_id}}), 1);
  EXPECT_EQ(take(lease(k_now_ms + 10).at(0), k_now_ms + 10).size(), 1u);
}

}  // namespace
}  // namespace tomada::store::testing
