#include "host/jobs/runner.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tomada::jobs {
namespace {

using namespace std::chrono_literals;
using Kind = store::JobOutcome::Kind;

/// The rows of one table in memory; never waits.
class FakeJobs final : public store::Jobs {
 public:
  struct Row {
    store::Job job;
    std::int64_t lease_until_ms{0};
    bool dead{false};
  };
  std::vector<Row> rows;
  std::vector<store::JobOutcome> outcomes;
  int extended_count{0};
  bool refuse_extend{false};
  int failing_leases_count{0};

  void add(std::string id, std::int64_t due_ms) {
    rows.push_back({.job = {.job_id = std::move(id), .tenant_id = "t", .config_id = "c", .kind = "work", .due_at_ms = due_ms}});
  }

  Result<std::vector<store::Job>> lease(runtime::Task&, std::int64_t now_ms, std::int64_t lease_ms,
                                        std::size_t limit) override {
    if (failing_leases_count > 0) {
      --failing_leases_count;
      return fail(Errc::unavailable, "planted");
    }
    std::vector<store::Job> taken;
    for (auto& row : rows) {
      if (taken.size() == limit || row.dead || row.job.due_at_ms > now_ms || row.lease_until_ms > now_ms) continue;
      ++row.job.attempts;
      ++row.job.fencing_token;
      row.lease_until_ms = now_ms + lease_ms;
      taken.push_back(row.job);
    }
    return taken;
  }
  Result<void> extend(runtime::Task&, const store::Job& job, std::int64_t until_ms) override {
    ++extended_count;
    if (refuse_extend) return fail(Errc::conflict, "lost");
    for (auto& row : rows)
      if (row.job.job_id == job.job_id) row.lease_until_ms = until_ms;
    return {};
  }
  Result<void> finish(runtime::Task&, const store::Job& job, const store::JobOutcome& outcome) override {
    outcomes.push_back(outcome);
    for (auto row = rows.begin(); row != rows.end(); ++row) {
      if (row->job.job_id != job.job_id) continue;
      row->lease_until_ms = 0;
      row->job.due_at_ms = outcome.due_at_ms;
      row->dead = outcome.kind == Kind::dead;
      if (outcome.kind == Kind::done) rows.erase(row);
      break;
    }
    return {};
  }
  Result<std::int64_t> release_all(runtime::Task&, std::int64_t) override { return 0; }
  Result<std::optional<std::int64_t>> next_due_ms(runtime::Task&) override {
    std::optional<std::int64_t> next;
    for (const auto& row : rows) {
      if (row.dead) continue;
      const std::int64_t due = std::max(row.job.due_at_ms, row.lease_until_ms);
      if (!next || due < *next) next = due;
    }
    return next;
  }
  Result<Counts> counts(runtime::Task&) override { return Counts{}; }
};

struct RunnerTest : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  FakeJobs jobs;
  Runner runner{loop, jobs, Options{.running_max = 2, .lease = 60s, .attempts_max = 3, .seed = 42}};

  ~RunnerTest() override {
    runner.drain();
    settle();
    loop.cancel_tasks();
    settle();
  }
  void settle() {
    while (loop.run_ready()) {
    }
  }
  void advance(std::chrono::milliseconds by) {
    clock.advance(by);
    settle();
  }
};

TEST_F(RunnerTest, RunsDueJobsAndLeavesTheOthers) {
  std::vector<std::string> ran;
  runner.handle("work", [&](runtime::Task&, const store::Job& job) {
    ran.push_back(job.job_id);
    return store::JobOutcome{};
  });
  jobs.add("now", clock.unix_ms());
  jobs.add("later", clock.unix_ms() + 10'000);
  runner.start();
  settle();
  EXPECT_EQ(ran, std::vector<std::string>{"now"});
  advance(10s);
  EXPECT_EQ(ran, (std::vector<std::string>{"now", "later"}));
}

TEST_F(RunnerTest, NeverRunsMoreThanItsLimitAtOnce) {
  std::size_t running = 0, most = 0;
  runner.handle("work", [&](runtime::Task& task, const store::Job&) {
    most = std::max(most, ++running);
    (void)runtime::sleep_for(task, 1s);
    --running;
    return store::JobOutcome{};
  });
  for (int i = 0; i < 7; ++i) jobs.add("job" + std::to_string(i), clock.unix_ms());
  runner.start();
  settle();
  for (int i = 0; i < 4; ++i) advance(1s);
  EXPECT_EQ(jobs.outcomes.size(), 7u);
  EXPECT_EQ(most, 2u);
}

TEST_F(RunnerTest, AKickFindsNewWorkAtOnce) {
  int ran = 0;
  runner.handle("work", [&](runtime::Task&, const store::Job&) {
    ++ran;
    return store::JobOutcome{};
  });
  runner.start();
  settle();
  jobs.add("new", clock.unix_ms());
  runner.kick();
  settle();
  EXPECT_EQ(ran, 1);
}

TEST_F(RunnerTest, RenewsTheLeaseOfALongJob) {
  runner.handle("work", [&](runtime::Task& task, const store::Job&) {
    (void)runtime::sleep_for(task, 5min);
    return store::JobOutcome{};
  });
  jobs.add("long", clock.unix_ms());
  runner.start();
  settle();
  for (int i = 0; i < 15; ++i) advance(20s);
  EXPECT_GE(jobs.extended_count, 14);
  EXPECT_EQ(jobs.outcomes.size(), 1u);
}

TEST_F(RunnerTest, ALostLeaseCancelsTheJob) {
  std::optional<Errc> ended;
  runner.handle("work", [&](runtime::Task& task, const store::Job&) {
    auto result = runtime::sleep_for(task, 5min);
    if (result.has_error()) ended = result.error().code;
    return store::JobOutcome{.kind = Kind::retry, .due_at_ms = task.clock().unix_ms() + 3'600'000};
  });
  jobs.add("long", clock.unix_ms());
  jobs.refuse_extend = true;
  runner.start();
  settle();
  advance(20s);
  EXPECT_EQ(ended, Errc::cancelled);
}

TEST_F(RunnerTest, AnUnknownKindIsDeadWithAReason) {
  jobs.add("strange", clock.unix_ms());
  runner.start();
  settle();
  ASSERT_EQ(jobs.outcomes.size(), 1u);
  EXPECT_EQ(jobs.outcomes[0].kind, Kind::dead);
  EXPECT_NE(jobs.outcomes[0].error_message.find("no handler"), std::string::npos);
}

TEST_F(RunnerTest, ComesBackAfterTheStoreRefused) {
  int ran = 0;
  runner.handle("work", [&](runtime::Task&, const store::Job&) {
    ++ran;
    return store::JobOutcome{};
  });
  jobs.failing_leases_count = 2;
  jobs.add("patient", clock.unix_ms());
  runner.start();
  settle();
  advance(1s);
  advance(1s);
  EXPECT_EQ(ran, 1);
}

TEST_F(RunnerTest, AfterItsLastAttemptThereIsNoNext) {
  store::Job job{.attempts = 2};
  EXPECT_TRUE(runner.next_attempt_ms(job, std::nullopt));
  job.attempts = 3;
  EXPECT_FALSE(runner.next_attempt_ms(job, std::nullopt));
}

TEST(Backoff, DoublesToFiveMinutesWithinItsSpread) {
  std::mt19937_64 random(1);
  for (int attempt = 1; attempt < 30; ++attempt) {
    const auto whole = std::min<std::chrono::milliseconds>(300s, 1s * (1 << std::min(attempt - 1, 16)));
    const auto pause = backoff(attempt, std::nullopt, random);
    EXPECT_GE(pause, whole / 2);
    EXPECT_LE(pause, whole);
  }
}

TEST(Backoff, ALongerRetryAfterWins) {
  std::mt19937_64 random(1);
  EXPECT_EQ(backoff(1, 90s, random), 90s);
  EXPECT_GE(backoff(9, 1ms, random), 128s);
}

}  // namespace
}  // namespace tomada::jobs
