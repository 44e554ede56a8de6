#include "host/plugin/calls.hpp"

#include "tests/support/abi_fake_services.hpp"
#include "tests/support/abi_test_plugins.hpp"
#include "tests/support/approving_plugins.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <future>
#include <set>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using abi::FakeServices;
using runtime::Task;

struct CallsTest : testing::Test {
  abi::PluginCode code;
  runtime::SystemClock clock;
  fs::path root;
  std::unique_ptr<Registry> registry;
  runtime::Loops loops{clock, 2};
  runtime::Metrics metrics;
  ApprovingPlugins approvals{{{"trampoline-serial", "t"}, {"trampoline-parallel", "t"}}};
  std::unique_ptr<Calls> calls;

  CallsTest() {
    char name[] = "/tmp/tomada-calls-XXXXXX";
    root = ::mkdtemp(name);
    fs::create_directory(root / "plugins");
    for (const std::string plugin : {"trampoline_serial", "trampoline_parallel"}) {
      fs::copy_file(abi::test_plugin(plugin), root / "plugins" / (plugin + ".so"));
      fs::permissions(root / "plugins" / (plugin + ".so"), fs::perms(0644));
    }
    registry = std::move(*Registry::scan(root / "plugins", root / "copies"));
    store::testing::value_of(store::testing::on_loop(
        [&](Task& task) { return registry->remember(task, {.plugins = approvals, .metrics = metrics}); }));
    calls = std::make_unique<Calls>(loops, *registry, metrics, CallsOptions{.where = {.in_process = true}});
    loops.start();
  }
  ~CallsTest() override {
    loops.stop();
    calls.reset();
    fs::remove_all(root);
  }

  store::Integration integration(const std::string& id, std::int64_t version = 1) {
    store::Integration made;
    made.config_id = id;
    made.tenant_id = "t";
    made.provider_name = "trampoline-serial";
    made.config_json = code.config();
    made.version = version;
    return made;
  }
  static Result<void> test(Task& task, abi::Instance& instance) {
    FakeServices services(task);
    return instance.test_connection(task, services);
  }
  /// Runs `body(task)` on loop `index` and waits for its value.
  template <class F>
  auto on_loop(std::size_t index, F body, runtime::Deadline deadline = {}) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    auto future = promise->get_future();
    loops.at(index).post([=, this] {
      runtime::spawn("caller", loops.at(index), deadline, [=](Task& task) { promise->set_value(body(task)); });
    });
    return future;
  }
};

TEST_F(CallsTest, RunsOnTheIntegrationsLoopFromAnyLoop) {
  std::set<std::size_t> used;
  for (const std::string id : {"a", "b", "c", "d", "e", "f"}) {
    const auto config = integration(id);
    runtime::Loop& home = calls->loop_of(id);
    EXPECT_EQ(&home, &calls->loop_of(id));
    used.insert(home.index());
    code.on_call = [&](auto&&...) -> tomada_status { return home.on_thread() ? TOMADA_OK : TOMADA_E_INTERNAL; };
    for (std::size_t from = 0; from < 2; ++from)
      EXPECT_TRUE(on_loop(from, [&](Task& task) { return calls->run(task, config, test, "job"); }).get().has_value());
  }
  EXPECT_EQ(used.size(), 2u) << "both loops have work";
  EXPECT_EQ(code.creates_count, 6) << "one instance for each integration";
}

TEST_F(CallsTest, AnUnknownPluginIsNotFoundANotAllowedOneUnavailableAndARefusedConfigInvalid) {
  auto config = integration("a");
  config.provider_name = "nobody";
  EXPECT_EQ(on_loop(0, [&](Task& task) { return calls->run(task, config, test, "job"); }).get().error().code, Errc::not_found);
  config = integration("a");
  config.tenant_id = "stranger";
  const auto stranger = on_loop(0, [&](Task& task) { return calls->run(task, config, test, "job"); }).get();
  ASSERT_TRUE(stranger.has_error()) << "nobody allowed it";
  EXPECT_EQ(stranger.error().code, Errc::unavailable);
  EXPECT_EQ(code.creates_count.load(), 0);
  config = integration("a");
  config.config_json = "{}";
  const auto refused = on_loop(0, [&](Task& task) { return calls->run(task, config, test, "job"); }).get();
  EXPECT_EQ(refused.error().code, Errc::invalid_config);
  EXPECT_EQ(refused.error().message, "hook: is missing");
}

TEST_F(CallsTest, ANewerVersionAndABrokenInstanceAreReplaced) {
  code.on_call = [](auto&&...) -> tomada_status { return TOMADA_OK; };
  const auto run = [&](std::int64_t version) {
    const auto config = integration("a", version);
    return on_loop(0, [&](Task& task) { return calls->run(task, config, test, "job"); }).get();
  };
  EXPECT_TRUE(run(1).has_value());
  EXPECT_TRUE(run(1).has_value());
  EXPECT_EQ(code.creates_count, 1);
  EXPECT_TRUE(run(2).has_value());
  EXPECT_EQ(code.creates_count, 2);
  EXPECT_EQ(code.destroys_count, 1);
  EXPECT_TRUE(run(1).has_value()) << "a caller with an old row gets the newer instance";
  EXPECT_EQ(code.creates_count, 2);
  code.on_call = [](auto&&...) -> tomada_status { throw 1; };
  EXPECT_EQ(run(2).error().code, Errc::internal);
  code.on_call = [](auto&&...) -> tomada_status { return TOMADA_OK; };
  EXPECT_TRUE(run(2).has_value());
  EXPECT_EQ(code.creates_count, 3);
}

TEST_F(CallsTest, TheCallersDeadlineEndsTheCall) {
  std::atomic<tomada_status> seen{TOMADA_OK};
  code.on_call = [&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    seen = abi::service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 3'600'000);
    return seen;
  };
  for (const std::string id : {"a", "b", "c"}) {
    const auto config = integration(id);
    const auto ended = on_loop(0, [&](Task& task) { return calls->run(task, config, test, "job"); },
                               runtime::Deadline::after(clock, 100ms)).get();
    EXPECT_EQ(ended.error().code, Errc::deadline);
    EXPECT_EQ(seen, TOMADA_E_DEADLINE);
  }
}

TEST_F(CallsTest, InterruptingTheCallerInterruptsTheCallAndWaitsForItsEnd) {
  for (const std::string id : {"a", "b", "c"}) {  // on the caller's loop and on the other
    std::promise<void> sleeping;
    std::atomic<bool> unwound{false};
    code.on_call = [&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
      sleeping.set_value();
      const auto status = abi::service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 3'600'000);
      unwound = true;
      return status;
    };
    const auto config = integration(id);
    Task* caller = nullptr;
    auto ended = on_loop(0, [&](Task& task) {
      caller = &task;
      auto result = calls->run(task, config, test, "job");
      EXPECT_TRUE(unwound);
      return result;
    });
    sleeping.get_future().wait();
    loops.at(0).post([&] { caller->interrupt(Errc::cancelled); });
    EXPECT_EQ(ended.get().error().code, Errc::cancelled);
  }
}

TEST_F(CallsTest, ManyCallsFromBothLoopsAllEnd) {
  code.on_call = [](const tomada_host& host, tomada_call call, auto&&) {
    return abi::service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 0);
  };
  std::vector<store::Integration> configs;
  for (int i = 0; i < 20; ++i) configs.push_back(integration("id" + std::to_string(i)));
  std::vector<std::future<Result<void>>> all;
  for (int i = 0; i < 400; ++i)
    all.push_back(on_loop(static_cast<std::size_t>(i), [&, i](Task& task) {
      return calls->run(task, configs[static_cast<std::size_t>(i) % configs.size()], test, "job");
    }));
  for (auto& one : all) EXPECT_TRUE(one.get().has_value());
  EXPECT_EQ(code.creates_count, 20);
}

TEST_F(CallsTest, StoppingTheLoopsEndsCallsThatWait) {
  std::promise<void> sleeping;
  code.on_call = [&](const tomada_host& host, tomada_call call, auto&&) {
    sleeping.set_value();
    return abi::service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 3'600'000);
  };
  const auto config = integration("b");
  auto ended = on_loop(0, [&](Task& task) { return calls->run(task, config, test, "job"); });
  sleeping.get_future().wait();
  loops.stop();
  EXPECT_EQ(ended.get().error().code, Errc::cancelled);
}

}  // namespace
}  // namespace tomada::plugin
