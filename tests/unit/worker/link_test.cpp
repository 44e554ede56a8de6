// Real worker processes with a plugin that does what it is told: services over the wire, and each way to be bad.
#include "host/worker/link.hpp"

#include "host/cage/filter.hpp"
#include "host/cage/sealed_file.hpp"
#include "host/runtime/task.hpp"
#include "host/worker/arguments.hpp"
#include "host/worker/remote_instance.hpp"
#include "tests/support/abi_fake_services.hpp"
#include "tests/support/abi_test_plugins.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

namespace tomada::worker {
namespace {

using runtime::Deadline;
using runtime::Task;
using std::chrono::milliseconds;

struct LinkTest : testing::Test {
  runtime::SystemClock clock;
  runtime::Loop loop{clock};
  runtime::Metrics metrics;
  std::shared_ptr<Link> link;
  std::vector<std::shared_ptr<const abi::Crash>> crashes;
  Spec spec{.program = TOMADA_WORKER,
            .start = {.plugin_id = "hostile", .serial = false, .stack_bytes = 256 * 1024, .memory_bytes_max = 64 << 20, .threads_max = 0,
                      .entities = {"records", "removes"}}};

  /// A worker with `name`'s code, on this loop.
  std::unique_ptr<RemoteInstance> start(const std::string& name = "hostile", const std::string& config = "{}") {
    auto copy = cage::sealed_copy(abi::test_plugin(name), 1 << 30);
    EXPECT_TRUE(copy.has_value());
    spec.plugin = std::make_shared<const cage::Descriptor>(std::move(copy->descriptor));
    if (name == "hostile_thread") {
      spec.start.own_threads = true;
      spec.start.threads_max = 16;
    }
    auto started = Link::start(loop, spec, metrics, [this](const auto& crash) { crashes.push_back(crash); });
    EXPECT_TRUE(started.has_value()) << started.error().message;
    link = *started;
    return std::make_unique<RemoteInstance>(link, false, "id", config);
  }

  struct Outcome {
    Result<void> result;
    std::vector<std::string> logs, faults, records;
    std::vector<abi::HttpRequest> requests;
    std::size_t exchanges_left_count{};
  };

  /// One sync of `entity`, to its end.
  Outcome sync(RemoteInstance& instance, const std::string& entity, milliseconds timeout = std::chrono::minutes(1)) {
    return runtime::run(loop, [&](Task& task) {
      task.set_deadline(Deadline::after(clock, timeout));
      abi::FakeServices services(task);
      services.credentials["token"] = "t0ken";
      Outcome outcome{instance.ready(task), {}, {}, {}, {}};
      if (outcome.result.has_value()) outcome.result = instance.sync(task, services, {.entity = entity});
      outcome.logs = services.logs;
      outcome.faults = services.faults;
      outcome.records = services.records;
      outcome.requests = services.requests;
      outcome.exchanges_left_count = services.exchanges_live_count;
      return outcome;
    });
  }

  /// The worker ends by what `entity` does: the call is UNAVAILABLE, and the crash says `cause`.
  void expect_end(const std::string& entity, const std::string& cause, milliseconds timeout = std::chrono::minutes(1)) {
    const auto instance = start();
    const auto outcome = sync(*instance, entity, timeout);
    ASSERT_TRUE(outcome.result.has_error());
    EXPECT_EQ(outcome.result.error().code, Errc::unavailable) << outcome.result.error().message;
    EXPECT_EQ(outcome.result.error().provider_code, k_crashed);
    ASSERT_EQ(crashes.size(), 1u);
    EXPECT_NE(crashes[0]->cause.find(cause), std::string::npos) << crashes[0]->cause;
    EXPECT_EQ(crashes[0]->calls_count, 1u);
    EXPECT_TRUE(instance->broken());
    EXPECT_EQ(instance->crash(), crashes[0]);
  }
};

TEST_F(LinkTest, ServicesAreMessagesAndErrorsComeWhole) {
  const auto instance = start();
  EXPECT_TRUE(sync(*instance, "ok").result.has_value());
  const auto failed = sync(*instance, "fail");
  ASSERT_TRUE(failed.result.has_error());
  EXPECT_EQ(failed.result.error().code, Errc::rate_limited);
  EXPECT_EQ(failed.result.error().message, "too much");
  EXPECT_EQ(failed.result.error().provider_code, "code");
  EXPECT_EQ(failed.result.error().http_status, 418);
  EXPECT_EQ(failed.result.error().retry_after, milliseconds(7000));
  EXPECT_EQ(sync(*instance, "records").records, (std::vector<std::string>{"records/1", "records/2", "records/3"}));
  EXPECT_EQ(sync(*instance, "removes").records, (std::vector<std::string>{"-removes/1"}));
  const auto stored = sync(*instance, "storage");
  EXPECT_TRUE(stored.result.has_value()) << stored.result.error().message;
  const auto http = sync(*instance, "http");
  EXPECT_TRUE(http.result.has_value()) << http.result.error().message;
  ASSERT_EQ(http.requests.size(), 1u);
  EXPECT_EQ(http.requests[0].url, "https://example.com/a?b=c");
  EXPECT_TRUE(http.requests[0].streamed_length.has_value());
  EXPECT_EQ(http.exchanges_left_count, 0u);
  EXPECT_TRUE(sync(*instance, "credentials").result.has_value());
  EXPECT_TRUE(sync(*instance, "time").result.has_value());
  EXPECT_EQ(sync(*instance, "logs").logs.size(), k_notes_max);
  EXPECT_TRUE(crashes.empty());
}

TEST_F(LinkTest, ThreadsServeTheSameServices) {
  const auto instance = start("hostile_thread");
  for (const char* const what : {"ok", "records", "removes", "storage", "http", "credentials", "time"}) {
    const auto outcome = sync(*instance, what);
    EXPECT_TRUE(outcome.result.has_value()) << what << ": " << outcome.result.error().message;
  }
  EXPECT_EQ(sync(*instance, "fail").result.error().message, "too much");
}

TEST_F(LinkTest, CreateRefusesWithItsOwnWords) {
  const auto instance = start("hostile", R"({"create": "refuse"})");
  const auto outcome = sync(*instance, "ok");
  ASSERT_TRUE(outcome.result.has_error());
  EXPECT_EQ(outcome.result.error().code, Errc::invalid_config);
  EXPECT_EQ(outcome.result.error().message, "create: refused");
  EXPECT_TRUE(crashes.empty());
}

TEST_F(LinkTest, ManyCallsRunAtOnceInOneWorker) {
  for (const char* const name : {"hostile", "hostile_thread"}) {
    const auto instance = start(name);
    constexpr int k_calls = 12;
    int done_count = 0;
    for (int i = 0; i < k_calls; ++i)
      runtime::spawn("call", loop, Deadline::never(), [&](Task& task) {
        abi::FakeServices services(task);
        EXPECT_TRUE(instance->ready(task).has_value());
        EXPECT_TRUE(instance->sync(task, services, {.entity = "records"}).has_value());
        ++done_count;
      });
    loop.run_until([&] { return done_count == k_calls; });
  }
}

TEST_F(LinkTest, ACancelledCallReturnsAndTheWorkerGoesOn) {
  for (const char* const name : {"hostile", "hostile_thread"}) {
    const auto instance = start(name);
    Task* sleeping = nullptr;
    std::optional<Result<void>> slept;
    runtime::spawn("sleep", loop, Deadline::never(), [&](Task& task) {
      abi::FakeServices services(task);
      EXPECT_TRUE(instance->ready(task).has_value());
      sleeping = &task;
      slept = instance->sync(task, services, {.entity = "sleep"});
    });
    loop.run_until([&] { return sleeping != nullptr && link->calls_count() == 1; });
    sleeping->interrupt(Errc::cancelled);
    loop.run_until([&] { return slept.has_value(); });
    EXPECT_EQ(slept->error().code, Errc::cancelled);
    const auto late = sync(*instance, "sleep", milliseconds(20));
    EXPECT_EQ(late.result.error().code, Errc::deadline);
    EXPECT_TRUE(sync(*instance, "ok").result.has_value());
    EXPECT_TRUE(crashes.empty());
  }
}

TEST_F(LinkTest, ACrashIsAResultWithItsSignal) {
  expect_end("segv", "SIGSEGV");
  EXPECT_EQ(crashes.at(0)->signal, SIGSEGV);
}
TEST_F(LinkTest, AbortIsAResult) { expect_end("abort", "SIGABRT"); }
TEST_F(LinkTest, AStackOverflowIsAResult) { expect_end("overflow", "SIGSEGV"); }
TEST_F(LinkTest, ExitIsAResult) {
  // On a coroutine's stack the sanitizers object to what exit() frees, each in its way.
  expect_end("exit", cage::k_sanitizer ? "" : "exited with code 0");
}
TEST_F(LinkTest, ClosingTheSocketIsAResult) { expect_end("close", "closed its socket"); }
TEST_F(LinkTest, GarbageOnTheSocketIsAResult) { expect_end("garbage", "broke the protocol"); }
TEST_F(LinkTest, RunawayMemoryIsAResult) {
  if (cage::k_sanitizer) GTEST_SKIP() << "no memory limit in a sanitizer build";
  expect_end("memory", "SIGABRT");
}

TEST_F(LinkTest, BlockedSignalsDoNotHelp) {
  spec.patience.grace = milliseconds(50);
  expect_end("signals", "did not end its call", milliseconds(50));
}
TEST_F(LinkTest, NeverReturningEndsWithTheDeadline) {
  spec.patience.grace = milliseconds(50);
  expect_end("never", "did not end its call", milliseconds(50));
}

TEST_F(LinkTest, ALoopWithoutAWordYieldsAndEnds) {
  spec.patience.busy_cpu = milliseconds(50);
  spec.patience.silence = milliseconds(100);
  expect_end("spin", "asked the host for nothing");
}

TEST_F(LinkTest, ACreateThatNeverReturnsEndsToo) {
  spec.patience.grace = milliseconds(50);
  const auto instance = start("hostile", R"({"create": "spin"})");
  const auto outcome = sync(*instance, "ok", milliseconds(50));
  EXPECT_EQ(outcome.result.error().code, Errc::unavailable);
  ASSERT_EQ(crashes.size(), 1u);
}

TEST_F(LinkTest, WhatTheCageRefusesCostsNothing) {
  const auto instance = start();
  for (const auto& [what, words] : {std::pair{"fork", "no child"}, {"threads", "not one thread"},
                                    {"descriptors", "not one descriptor"}}) {
    const auto outcome = sync(*instance, what);
    ASSERT_TRUE(outcome.result.has_error()) << what;
    EXPECT_EQ(outcome.result.error().message, words);
  }
  const auto early = sync(*instance, "constructor");
  EXPECT_TRUE(early.result.has_value()) << early.result.error().message;
  EXPECT_TRUE(crashes.empty());
}

TEST_F(LinkTest, AThreadStormIsBounded) {
  const auto instance = start("hostile_thread");
  const auto outcome = sync(*instance, "threads");
  ASSERT_TRUE(outcome.result.has_error());  // refused by the kernel's limit, or ended by the host's
}

TEST_F(LinkTest, EveryCallInFlightFailsWithTheSameCrash) {
  const auto instance = start();
  int failed_count = 0;
  constexpr int k_sleeping = 5;
  for (int i = 0; i < k_sleeping; ++i)
    runtime::spawn("sleep", loop, Deadline::never(), [&](Task& task) {
      abi::FakeServices services(task);
      EXPECT_TRUE(instance->ready(task).has_value());
      const auto result = instance->sync(task, services, {.entity = "sleep"});
      EXPECT_EQ(result.error().provider_code, k_crashed);
      ++failed_count;
    });
  loop.run_until([&] { return link->calls_count() == k_sleeping; });
  EXPECT_EQ(sync(*instance, "segv").result.error().code, Errc::unavailable);
  loop.run_until([&] { return failed_count == k_sleeping; });
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_EQ(crashes[0]->calls_count, k_sleeping + 1u);
  EXPECT_EQ(sync(*instance, "ok").result.error().code, Errc::unavailable);  // no new call gets in
}

TEST_F(LinkTest, AFileThatCannotBeLoadedSaysWhy) {
  const auto instance = start("unresolved");
  const auto outcome = sync(*instance, "ok");
  ASSERT_TRUE(outcome.result.has_error());
  EXPECT_NE(outcome.result.error().message.find("P17"), std::string::npos) << outcome.result.error().message;
}

TEST_F(LinkTest, AMissingProgramIsUnavailable) {
  spec.program = "/nowhere/tomada-worker";
  auto copy = cage::sealed_copy(abi::test_plugin("hostile"), 1 << 30);
  spec.plugin = std::make_shared<const cage::Descriptor>(std::move(copy->descriptor));
  const auto started = Link::start(loop, spec, metrics, {});
  ASSERT_TRUE(started.has_error());
  EXPECT_EQ(started.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace tomada::worker
