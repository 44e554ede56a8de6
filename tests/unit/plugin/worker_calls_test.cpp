// Calls through worker processes: crashes, suspects, what is given up, what is recycled.
#include "host/plugin/calls.hpp"

#include "host/cage/filter.hpp"

#include "tests/support/abi_fake_services.hpp"
#include "tests/support/abi_test_plugins.hpp"
#include "tests/support/approving_plugins.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <mutex>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;
using abi::FakeServices;
using runtime::Task;

struct WorkerCallsTest : testing::Test {
  runtime::SystemClock clock;
  fs::path root;
  std::unique_ptr<Registry> registry;
  runtime::Loops loops{clock, 2};
  runtime::Metrics metrics;
  ApprovingPlugins approvals{{{"hostile", "t"}, {"hostile", "t1"}, {"hostile", "t2"}}};
  std::mutex mutex;
  std::vector<std::string> paused;                       // integrations
  std::vector<store::PluginQuarantine> quarantines;
  std::unique_ptr<Calls> calls;

  void start(WorkerOptions workers = {}) {
    workers.program = TOMADA_WORKER;
    calls = std::make_unique<Calls>(loops, *registry, metrics,
                                    CallsOptions{.workers = workers,
                                                 .pause =
                                                     [this](Task&, const store::Integration& integration, const std::string&) {
                                                       const std::lock_guard lock(mutex);
                                                       paused.push_back(integration.config_id);
                                                     },
                                                 .quarantine =
                                                     [this](const store::PluginQuarantine& quarantine) {
                                                       const std::lock_guard lock(mutex);
                                                       quarantines.push_back(quarantine);
                                                     }});
    loops.start();
  }
  WorkerCallsTest() {
    char name[] = "/tmp/tomada-worker-calls-XXXXXX";
    root = ::mkdtemp(name);
    fs::create_directory(root / "plugins");
    fs::copy_file(abi::test_plugin("hostile"), root / "plugins" / "hostile.so");
    fs::permissions(root / "plugins" / "hostile.so", fs::perms(0644));
    registry = std::move(*Registry::scan(root / "plugins", root / "copies"));
    store::testing::value_of(store::testing::on_loop(
        [&](Task& task) { return registry->remember(task, {.plugins = approvals, .metrics = metrics}); }));
  }
  ~WorkerCallsTest() override {
    loops.stop();
    calls.reset();
    fs::remove_all(root);
  }

  static store::Integration integration(const std::string& id, const std::string& tenant = "t") {
    store::Integration made;
    made.config_id = id;
    made.tenant_id = tenant;
    made.provider_name = "hostile";
    made.config_json = "{}";
    made.version = 1;
    return made;
  }
  std::future<Result<void>> begin(const std::string& id, const std::string& entity, const std::string& job) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    auto future = promise->get_future();
    loops.at(0).post([=, this] {
      runtime::spawn("caller", loops.at(0), {}, [=, this](Task& task) {
        promise->set_value(calls->run(task, integration(id), [&](Task& inside, abi::Instance& instance) {
          FakeServices services(inside);
          return instance.sync(inside, services, {.entity = entity, .since = "", .resume = ""});
        }, job));
      });
    });
    return future;
  }
  Result<void> sync(const std::string& id, const std::string& entity, const std::string& job) {
    return begin(id, entity, job).get();
  }
};

TEST_F(WorkerCallsTest, ACallRunsInAWorker) {
  start();
  EXPECT_TRUE(sync("a", "records", "1").has_value());
  EXPECT_NE(metrics.text().find("plugin_workers{plugin=\"hostile\"} 1"), std::string::npos);
}

TEST_F(WorkerCallsTest, ACrashCostsItsCallAndTheNextWorks) {
  start();
  const auto crashed = sync("a", "segv", "1");
  ASSERT_TRUE(crashed.has_error());
  EXPECT_EQ(crashed.error().code, Errc::unavailable);
  EXPECT_TRUE(sync("a", "ok", "2").has_value());
  EXPECT_TRUE(paused.empty());
}

TEST_F(WorkerCallsTest, AJobThatCrashesTwiceAloneIsPermanentAndPausesItsIntegration) {
  start();
  EXPECT_EQ(sync("a", "segv", "1").error().code, Errc::unavailable);
  const auto last = sync("a", "segv", "1");
  EXPECT_EQ(last.error().code, Errc::permanent);
  EXPECT_NE(last.error().message.find("SIGSEGV"), std::string::npos) << last.error().message;
  EXPECT_EQ(paused, std::vector<std::string>{"a"});
  EXPECT_TRUE(quarantines.empty());
}

TEST_F(WorkerCallsTest, ASuspectRunsAloneAndHurtsNobody) {
  start();
  EXPECT_EQ(sync("a", "segv", "1").error().code, Errc::unavailable);
  auto sleeping = begin("a", "sleep", "2");  // in the shared worker of the same loop
  while (metrics.text().find("plugin_workers{plugin=\"hostile\"} 1") == std::string::npos) std::this_thread::yield();
  EXPECT_EQ(sync("a", "segv", "1").error().code, Errc::permanent);
  EXPECT_EQ(sleeping.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_TRUE(sync("a", "ok", "3").has_value());
  loops.at(0).post([this] { loops.at(0).cancel_tasks(); });
  EXPECT_TRUE(sleeping.get().has_error());
}

TEST_F(WorkerCallsTest, CrashesOfTwoIntegrationsQuarantineThePlugin) {
  start();
  (void)sync("a", "segv", "1"), (void)sync("b", "abort", "2"), (void)sync("c", "exit", "3");
  ASSERT_EQ(quarantines.size(), 1u);
  EXPECT_EQ(quarantines[0].plugin_id, "hostile");
  EXPECT_EQ(quarantines[0].version, "1.0.0");
  // exit() on a coroutine's stack ends in another way under the sanitizers.
  if (!cage::k_sanitizer) {
    EXPECT_NE(quarantines[0].reason.find("exited with code 0"), std::string::npos) << quarantines[0].reason;
  }
}

TEST_F(WorkerCallsTest, AnIdleWorkerEnds) {
  start({.idle = std::chrono::milliseconds(20)});
  EXPECT_TRUE(sync("a", "ok", "1").has_value());
  while (metrics.text().find("plugin_workers{plugin=\"hostile\"} 0") == std::string::npos) std::this_thread::yield();
}

TEST_F(WorkerCallsTest, TenantsHaveTheirOwnWorkersWhenToldSo) {
  start({.per_tenant = true});
  const auto run_for = [&](const std::string& tenant, const std::string& id) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    loops.at(0).post([=, this] {
      runtime::spawn("caller", loops.at(0), {}, [=, this](Task& task) {
        promise->set_value(calls->run(task, integration(id, tenant), [](Task& inside, abi::Instance& instance) {
          FakeServices services(inside);
          return instance.test_connection(inside, services);
        }, "job"));
      });
    });
    return promise->get_future().get().has_value();
  };
  // Two integrations of one loop, of different tenants.
  std::string other = "b";
  while (&calls->loop_of(other) != &calls->loop_of("a")) ++other[0];
  EXPECT_TRUE(run_for("t1", "a"));
  EXPECT_TRUE(run_for("t2", other));
  EXPECT_NE(metrics.text().find("plugin_workers{plugin=\"hostile\"} 2"), std::string::npos);
}

}  // namespace
}  // namespace tomada::plugin
