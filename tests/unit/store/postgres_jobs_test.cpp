// Jobs on a database that two hosts share.
#include "tests/unit/store/postgres_pair.hpp"

#include <algorithm>
#include <future>
#include <set>
#include <thread>

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct PostgresJobsTest : PostgresPair {
  static std::vector<Job> lease(Store& store, std::int64_t now_ms, std::size_t limit = 10) {
    return value_of(on_loop([&](Task& task) { return store.jobs().lease(task, now_ms, 1000, limit); }));
  }
  static Errc finish_code(Store& store, const Job& job) {
    return code_of(on_loop([&](Task& task) { return store.jobs().finish(task, job, {.now_ms = k_now_ms}); }));
  }
};

TEST_F(PostgresJobsTest, TwoHostsNeverHoldTheSameJob) {
  constexpr int k_jobs_count = 60;
  add_sync(*one, integration);
  for (int i = 1; i < k_jobs_count; ++i) add_sync(*one, add_integration(*one, tenant.tenant_id));
  const auto take_all = [](Store& store) {
    std::vector<std::string> ids;
    for (auto jobs = lease(store, k_now_ms, 3); !jobs.empty(); jobs = lease(store, k_now_ms, 3))
      for (const Job& job : jobs) ids.push_back(job.job_id);
    return ids;
  };
  auto other = std::async(std::launch::async, [&] { return take_all(*two); });
  std::vector<std::string> ids = take_all(*one);
  for (std::string& id : other.get()) ids.push_back(std::move(id));
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(k_jobs_count));
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size());
}

TEST_F(PostgresJobsTest, OneRunsForEachIntegrationAndKindWhoeverTakesItAndNobodySeesAnError) {
  // Two waiting jobs of one integration: the first run counts as failed and is to be retried.
  for (int round = 0; round < 20; ++round) {
    const Integration shared = add_integration(*one, tenant.tenant_id);
    const Sync first = add_sync(*one, shared);
    JobOutcome retry{.kind = JobOutcome::Kind::retry, .due_at_ms = k_now_ms, .now_ms = k_now_ms};
    retry.sync_id = first.sync_id;
    retry.sync_status = "failed";
    const Job job = lease_one(*one);
    value_of(on_loop([&](Task& task) { return one->jobs().finish(task, job, retry); }));
    add_sync(*one, shared);
    auto other = std::async(std::launch::async, [&] { return lease(*two, k_now_ms, 1); });
    const std::size_t taken = lease(*one, k_now_ms, 1).size();
    EXPECT_EQ(taken + other.get().size(), 1u);
    EXPECT_EQ(ask("SELECT count(*) FROM integrations.jobs WHERE status = 'running' AND config_id = '" + shared.config_id + "'"), "1");
    value_of(on_loop([&](Task& task) { return one->integrations().remove(task, tenant.tenant_id, shared.config_id); }));
  }
}

TEST_F(PostgresJobsTest, AHostThatStoodStillIsRefusedEverywhere) {
  const Sync sync = add_sync(*one, integration);
  const Job stale = lease_one(*one, k_now_ms, 1000);
  EXPECT_TRUE(lease(*two, k_now_ms + 999).empty());
  const Job taken = lease(*two, k_now_ms + 1000).at(0);
  EXPECT_EQ(taken.job_id, stale.job_id);
  EXPECT_GT(taken.fencing_token, stale.fencing_token);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return one->jobs().extend(task, stale, k_now_ms + 9999); })), Errc::conflict);
  EXPECT_EQ(finish_code(*one, stale), Errc::conflict);
  Page page = page_of(integration, {upsert("a", "1")});
  page.sync_id = sync.sync_id;
  page.fencing_token = stale.fencing_token;
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return one->records().commit(task, page); })), Errc::conflict);
  EXPECT_EQ(count(*one, integration), 0);
  page.fencing_token = taken.fencing_token;
  EXPECT_EQ(commit(*two, page).changed_count, 1);
}

TEST_F(PostgresJobsTest, AHostThatStartsEndsNoLeaseOfAnother) {
  add_sync(*one, integration);
  const Job job = lease_one(*one);
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return two->jobs().release_all(task, k_now_ms); })), 0);
  EXPECT_TRUE(lease(*two, k_now_ms).empty());
  value_of(on_loop([&](Task& task) { return one->jobs().extend(task, job, k_now_ms + 5000); }));
}

TEST_F(PostgresJobsTest, AnotherHostHearsOfAJobThatBecameDue) {
  // The listener also tells when its connection begins: the second time is the notification.
  std::promise<void> connected, heard;
  int times = 0;
  two->watch_jobs([&] {
    if (++times == 1) connected.set_value();
    if (times == 2) heard.set_value();
  });
  // It may have connected before anybody watched; then the first call is that of the first event, and it must have come
  // before the second event: notifications that come together are one call.
  auto first = connected.get_future();
  if (first.wait_for(std::chrono::milliseconds(300)) != std::future_status::ready) {
    accept(*one, new_webhook(add_integration(*one, tenant.tenant_id), "evt_0"));
    EXPECT_EQ(first.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  }
  accept(*one, new_webhook(integration, "evt_1"));
  EXPECT_EQ(heard.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  two->watch_jobs({});
}

TEST_F(PostgresJobsTest, TheResponseTimeIsFromTheStartToTheEnd) {
  const Sync sync = add_sync(*one, integration);
  const Job job = lease_one(*one);
  value_of(on_loop([&](Task& task) { return one->syncs().start(task, sync, job.fencing_token, k_now_ms); }));
  JobOutcome done{.now_ms = k_now_ms + 1234};
  done.sync_id = sync.sync_id;
  done.sync_status = "completed";
  value_of(on_loop([&](Task& task) { return one->jobs().finish(task, job, done); }));
  EXPECT_EQ(ask("SELECT response_time_ms FROM integrations.sync_operations"), "1234");
}

}  // namespace
}  // namespace tomada::store::testing
