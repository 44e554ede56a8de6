#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct JobsTest : StoreTest {
  std::vector<Job> lease(std::int64_t now_ms, std::size_t limit = 10, std::int64_t lease_ms = 1000) {
    return value_of(on_loop([&](Task& task) { return store().jobs().lease(task, now_ms, lease_ms, limit); }));
  }
  Result<void> try_finish(const Job& job, const JobOutcome& outcome) {
    return on_loop([&](Task& task) { return store().jobs().finish(task, job, outcome); });
  }
  JobOutcome outcome(JobOutcome::Kind kind, const Sync& sync, std::string status, std::int64_t due_at_ms = 0) {
    JobOutcome result;
    result.kind = kind;
    result.due_at_ms = due_at_ms;
    result.now_ms = k_now_ms;
    result.sync_id = sync.sync_id;
    result.sync_status = std::move(status);
    return result;
  }
  std::optional<std::int64_t> next_due() {
    return value_of(on_loop([&](Task& task) { return store().jobs().next_due_ms(task); }));
  }
  Jobs::Counts counts() {
    return value_of(on_loop([&](Task& task) { return store().jobs().counts(task); }));
  }
  Sync find(const Sync& sync) {
    return value_of(on_loop([&](Task& task) { return store().syncs().find(task, sync.tenant_id, sync.sync_id); }))
        .value_or(Sync{});
  }
  Integration find(const Integration& one) {
    return value_of(on_loop([&](Task& task) {
             return store().integrations().find(task, one.tenant_id, one.config_id);
           }))
        .value_or(Integration{});
  }
};
TOMADA_STORE_SUITE(JobsTest);

TEST_P(JobsTest, AJobIsTakenOnceAndNotBeforeItIsDue) {
  add_sync(store(), integration);
  EXPECT_EQ(next_due(), k_now_ms);
  EXPECT_TRUE(lease(k_now_ms - 1).empty());
  const auto jobs = lease(k_now_ms);
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].attempts, 1);
  EXPECT_GT(jobs[0].fencing_token, 0);
  EXPECT_TRUE(lease(k_now_ms).empty());
  EXPECT_EQ(next_due(), k_now_ms + 1000);
  EXPECT_EQ(counts().running, 1);
}

TEST_P(JobsTest, TheOldestDueComeFirstUpToTheLimit) {
  std::vector<std::string> configs;
  for (int i = 0; i < 3; ++i) {
    const Integration one = add_integration(store(), tenant.tenant_id);
    Sync sync;
    sync.sync_id = new_id();
    sync.tenant_id = one.tenant_id;
    sync.config_id = one.config_id;
    sync.created_at_ms = k_now_ms - i;
    value_of(on_loop([&](Task& task) { return store().syncs().enqueue(task, sync, new_id()); }));
    configs.insert(configs.begin(), one.config_id);
  }
  const auto jobs = lease(k_now_ms, 2);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].config_id, configs[0]);
  EXPECT_EQ(jobs[1].config_id, configs[1]);
  EXPECT_EQ(lease(k_now_ms, 2).size(), 1u);
}

TEST_P(JobsTest, AnExpiredLeaseIsTakenAgainAndTheFirstHolderIsShutOut) {
  const Sync sync = add_sync(store(), integration);
  const Job first = lease(k_now_ms).at(0);
  EXPECT_TRUE(lease(k_now_ms + 999).empty());
  const Job second = lease(k_now_ms + 1000).at(0);
  EXPECT_EQ(second.job_id, first.job_id);
  EXPECT_EQ(second.attempts, 2);
  EXPECT_GT(second.fencing_token, first.fencing_token);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().jobs().extend(task, first, k_now_ms + 9); })),
            Errc::conflict);
  JobOutcome done = outcome(JobOutcome::Kind::done, sync, "completed");
  done.health_status = "healthy";
  EXPECT_EQ(code_of(try_finish(first, done)), Errc::conflict);
  EXPECT_EQ(find(sync).operation_status, "pending");
  EXPECT_EQ(find(integration).health_status, "unknown");
  EXPECT_TRUE(try_finish(second, done).has_value());
  EXPECT_EQ(code_of(try_finish(second, done)), Errc::conflict);
}

TEST_P(JobsTest, AnExtendedLeaseLastsLonger) {
  add_sync(store(), integration);
  const Job job = lease(k_now_ms).at(0);
  value_of(on_loop([&](Task& task) { return store().jobs().extend(task, job, k_now_ms + 5000); }));
  EXPECT_TRUE(lease(k_now_ms + 4999).empty());
  EXPECT_EQ(next_due(), k_now_ms + 5000);
  EXPECT_EQ(lease(k_now_ms + 5000).size(), 1u);
}

TEST_P(JobsTest, DoneTakesTheJobAwayAndEndsTheRun) {
  const Sync sync = add_sync(store(), integration);
  JobOutcome done = outcome(JobOutcome::Kind::done, sync, "completed");
  done.health_status = "healthy";
  done.connection_status = "connected";
  ASSERT_TRUE(try_finish(lease(k_now_ms).at(0), done).has_value());
  EXPECT_EQ(find(sync).operation_status, "completed");
  EXPECT_EQ(find(sync).completed_at_ms, k_now_ms);
  EXPECT_EQ(find(integration).health_status, "healthy");
  EXPECT_EQ(find(integration).connection_status, "connected");
  EXPECT_EQ(find(integration).last_sync_at_ms, k_now_ms);
  EXPECT_EQ(counts().waiting + counts().running + counts().dead, 0);
  EXPECT_FALSE(next_due());
}

TEST_P(JobsTest, ARetryWaitsAndCountsUnlessItWasNotItsFault) {
  const Sync sync = add_sync(store(), integration);
  JobOutcome retry = outcome(JobOutcome::Kind::retry, sync, "pending", k_now_ms + 500);
  retry.error_code = "rate_limited";
  retry.error_message = "slow down";
  ASSERT_TRUE(try_finish(lease(k_now_ms).at(0), retry).has_value());
  EXPECT_EQ(find(sync).operation_status, "pending");
  EXPECT_EQ(find(sync).next_retry_at_ms, k_now_ms + 500);
  EXPECT_EQ(find(sync).retry_count, 1);
  EXPECT_EQ(find(sync).error_code, "rate_limited");
  EXPECT_EQ(find(sync).error_message, "slow down");
  EXPECT_FALSE(find(sync).completed_at_ms);
  EXPECT_TRUE(lease(k_now_ms + 499).empty());
  const Job second = lease(k_now_ms + 500).at(0);
  EXPECT_EQ(second.attempts, 2);
  retry.counts_attempt = false;
  ASSERT_TRUE(try_finish(second, retry).has_value());
  EXPECT_EQ(lease(k_now_ms + 500).at(0).attempts, 2);
  EXPECT_EQ(find(sync).retry_count, 1);
}

TEST_P(JobsTest, ADeadJobStaysAndDoesNotStopTheNextRun) {
  const Sync sync = add_sync(store(), integration);
  JobOutcome dead = outcome(JobOutcome::Kind::dead, sync, "failed");
  dead.error_code = "unauthenticated";
  dead.health_status = "unhealthy";
  ASSERT_TRUE(try_finish(lease(k_now_ms).at(0), dead).has_value());
  EXPECT_EQ(counts().dead, 1);
  EXPECT_EQ(find(sync).operation_status, "failed");
  EXPECT_EQ(find(integration).health_status, "unhealthy");
  EXPECT_FALSE(find(integration).last_sync_at_ms);
  EXPECT_TRUE(lease(k_now_ms + 1'000'000).empty());
  add_sync(store(), integration);
  EXPECT_EQ(lease(k_now_ms).size(), 1u);
}

TEST_P(JobsTest, OneIntegrationRunsOneJobAtATime) {
  // A retry whose run already counts as failed lets a second job in.
  const Sync first = add_sync(store(), integration);
  ASSERT_TRUE(try_finish(lease(k_now_ms).at(0), outcome(JobOutcome::Kind::retry, first, "failed", k_now_ms)).has_value());
  const Sync second = add_sync(store(), integration);
  EXPECT_EQ(counts().waiting, 2);
  const auto jobs = lease(k_now_ms);
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_TRUE(lease(k_now_ms).empty());
  EXPECT_EQ(next_due(), k_now_ms + 1000);  // not now: the waiting one is behind the running one
  ASSERT_TRUE(try_finish(jobs[0], outcome(JobOutcome::Kind::done, second, "completed")).has_value());
  EXPECT_EQ(lease(k_now_ms).size(), 1u);
}

TEST_P(JobsTest, ReleaseAllEndsEveryLeaseOfAStoreThatNobodyShares) {
  if (GetParam().name == "postgres") GTEST_SKIP() << "other hosts' leases are in it: see PostgresJobsTest";
  const Sync sync = add_sync(store(), integration);
  const Job job = lease(k_now_ms).at(0);
  value_of(on_loop([&](Task& task) { return store().syncs().start(task, sync, job.fencing_token, k_now_ms); }));
  auto release = [&] {
    return value_of(on_loop([&](Task& task) { return store().jobs().release_all(task, k_now_ms + 1); }));
  };
  EXPECT_EQ(release(), 1);
  EXPECT_EQ(release(), 0);
  EXPECT_EQ(find(sync).operation_status, "pending");
  Page page = page_of(integration, {upsert("a", "1")});
  page.sync_id = sync.sync_id;
  page.fencing_token = job.fencing_token;
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().records().commit(task, page); })), Errc::conflict);
  const Job again = lease(k_now_ms + 1).at(0);
  EXPECT_EQ(again.attempts, 2);
  EXPECT_GT(again.fencing_token, job.fencing_token);
}

}  // namespace
}  // namespace tomada::store::testing
