// A process that is killed while it stores and works off webhooks: every acknowledged one is there once, and its effect
// happened once.
#include "host/store/sqlite/open.hpp"
#include "tests/support/store_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <set>

namespace tomada::store::testing {
namespace {

using runtime::Task;

constexpr int k_kills_count = 15;
constexpr std::uint32_t k_seed = 20260111;

/// Works off what is due; false: there was nothing. Each attempt would change the record, so its version counts them.
bool work_off(Task& task, Store& store) {
  auto jobs = store.jobs().lease(task, k_now_ms, 60'000, 1);
  if (jobs.has_error() || jobs->empty()) return false;
  const Job& job = jobs->front();
  if (store.webhooks().reclaim(task, job, k_now_ms).has_error()) return false;
  while (true) {
    auto taken = store.webhooks().take(task, job, k_now_ms, true, 50);
    if (taken.has_error() || taken->empty()) break;
    for (const Webhook& webhook : *taken) {
      WebhookOutcome outcome;
      outcome.tenant_id = job.tenant_id;
      outcome.config_id = job.config_id;
      outcome.webhook_id = webhook.webhook_id;
      outcome.attempt = webhook.processing_attempts;
      outcome.processing_status = "completed";
      outcome.now_ms = k_now_ms;
      Integration integration;
      integration.tenant_id = job.tenant_id;
      integration.config_id = job.config_id;
      outcome.page = page_of(integration, {upsert(webhook.event_id, std::to_string(webhook.processing_attempts))});
      if (store.webhooks().finish(task, outcome).has_error()) return false;
    }
  }
  JobOutcome done;
  done.now_ms = k_now_ms;
  (void)store.jobs().finish(task, job, done);
  return true;
}

/// The child: four tasks store events and report each that is stored, a fifth works them off.
[[noreturn]] void run_until_killed(const std::filesystem::path& file, const Integration& integration, int first,
                                   int report) {
  auto opened = sqlite::open({.file = file, .wal_bytes_max = 256 * 1024});
  if (opened.has_error()) _exit(2);
  Store& store = **opened;
  (void)on_loop([&](Task& task) { return store.jobs().release_all(task, k_now_ms); });
  int next = first;
  (void)on_loop_at_once(5, [&](Task& task, std::size_t index) {
    while (true) {
      if (index == 4) {
        (void)work_off(task, store);
        if (store.ping(task).has_error()) _exit(6);
        continue;
      }
      const int number = next++;
      const NewWebhook event = new_webhook(integration, std::to_string(number), number % 3 == 0 ? "subject" : "");
      if (store.webhooks().accept(task, {&event, 1}).has_error()) _exit(3);
      if (write(report, &number, sizeof number) != sizeof number) _exit(4);
    }
    return 0;
  });
  _exit(5);
}

std::vector<int> run_and_kill(const std::filesystem::path& file, const Integration& integration, int first, int reports,
                              std::chrono::microseconds delay) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    run_until_killed(file, integration, first, ends[1]);
  }
  close(ends[1]);
  std::vector<int> stored;
  int number = 0;
  for (int i = 0; i < reports && read(ends[0], &number, sizeof number) == sizeof number; ++i) stored.push_back(number);
  // Nothing is waited for here: the moment of the kill is what is drawn, to the microsecond.
  for (const auto until = std::chrono::steady_clock::now() + delay; std::chrono::steady_clock::now() < until;) {
  }
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  while (read(ends[0], &number, sizeof number) == sizeof number) stored.push_back(number);
  close(ends[0]);
  return stored;
}

TEST(SqliteWebhookKillTest, EveryAcknowledgedEventIsThereOnceAndHasItsEffectOnce) {
  const TempFolder folder;
  const auto file = folder.path() / "tomada.db";
  std::mt19937 random(k_seed);
  Integration integration;
  {
    const auto store = value_of(sqlite::open({.file = file}));
    integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  }
  std::set<int> acknowledged;
  for (int round = 0; round < k_kills_count; ++round) {
    const int reports = std::uniform_int_distribution<int>(0, 200)(random);
    const std::chrono::microseconds delay(std::uniform_int_distribution<int>(0, 5000)(random));
    for (const int event : run_and_kill(file, integration, round * 1'000'000, reports, delay)) acknowledged.insert(event);
  }
  EXPECT_GT(acknowledged.size(), 300u);

  const auto store = value_of(sqlite::open({.file = file}));
  value_of(on_loop([&](Task& task) { return store->jobs().release_all(task, k_now_ms); }));
  while (on_loop([&](Task& task) { return work_off(task, *store); })) {
  }
  const auto events = value_of(on_loop([&](Task& task) {
    return store->webhooks().list(task, integration.tenant_id, integration.config_id, {}, {.limit = 10'000'000});
  }));
  std::map<std::string, int> stored;
  for (const Webhook& event : events) {
    ++stored[event.event_id];
    EXPECT_EQ(event.processing_status, "completed") << event.event_id;
  }
  for (const int event : acknowledged) EXPECT_EQ(stored[std::to_string(event)], 1) << event;
  const auto records = changes(*store, integration, {}, 0, 10'000'000);
  EXPECT_EQ(records.size(), events.size());
  for (const StoredRecord& record : records) EXPECT_EQ(record.version, 1) << "the effect of " << record.external_id << " happened twice";
}

}  // namespace
}  // namespace tomada::store::testing
