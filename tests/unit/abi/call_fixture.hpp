// The fixture of the call tests: a plugin whose code each test writes (see trampoline.hpp), one loop, a manual clock.
#pragma once

#include "host/abi/in_process_instance.hpp"
#include "tests/support/abi_fake_services.hpp"
#include "tests/support/abi_test_plugins.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tomada::abi {

struct CallTest : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  PluginCode code;
  std::unique_ptr<Instance> instance;

  void make(Concurrency concurrency = Concurrency::serial) {
    Manifest manifest;
    manifest.id = "trampoline";
    manifest.concurrency = concurrency;
    auto loaded = LoadedPlugin::load(test_plugin("trampoline_serial"), manifest);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    loop.run_ready();
    auto made = InProcessInstance::create(*loaded, loop, "id", code.config());
    ASSERT_TRUE(made.has_value()) << made.error().message;
    instance = std::move(*made);
  }

  struct Outcome {
    Result<void> result;
    std::vector<std::string> logs;
    std::vector<std::string> faults;
    std::vector<std::string> records;
    std::vector<HttpRequest> requests;
    std::size_t exchanges_left_count{};
  };
  using Body = std::function<tomada_status(const tomada_host&, tomada_call, const tomada_sync_request*)>;
  using Prepare = std::function<void(FakeServices&)>;

  /// One test_connection() whose plugin side is `body`, run to its end.
  Outcome call(Body body, const Prepare& prepare = {}) {
    if (!instance) make();
    code.on_call = std::move(body);
    return runtime::run(loop, [&](runtime::Task& task) {
      FakeServices services(task);
      services.credentials["token"] = "t0ken";
      if (prepare) prepare(services);
      Outcome outcome{instance->test_connection(task, services), {}, {}, {}, {}};
      outcome.logs = services.logs;
      outcome.faults = services.faults;
      outcome.records = services.records;
      outcome.requests = services.requests;
      outcome.exchanges_left_count = services.exchanges_live_count;
      return outcome;
    });
  }

  void settle() {
    while (loop.run_ready()) {
    }
  }
  void advance(std::chrono::nanoseconds by) {
    clock.advance(by);
    settle();
  }
};

}  // namespace tomada::abi
