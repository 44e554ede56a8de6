// Syncs: asking for one, and running it as a job from its last checkpoint.
#pragma once

#include "host/credentials/vault.hpp"
#include "host/jobs/runner.hpp"
#include "host/plugin/calls.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/metrics.hpp"
#include "host/service/call_services.hpp"
#include "host/store/store.hpp"
#include "host/sync/syncing.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tomada::sync {

struct Limits {
  std::chrono::milliseconds call_timeout{std::chrono::hours(1)};
};

/// Any loop.
class Engine final : public Syncing {
 public:
  Engine(store::Store& store, plugin::Registry& registry, plugin::Calls& calls, service::Environment& environment,
         jobs::Runner& runner, runtime::Metrics& metrics, Limits limits);

  Result<std::string> enqueue(runtime::Task& task, const store::Integration& integration, std::string_view type,
                              std::string_view mode) override;
  Result<TestOutcome> test_connection(runtime::Task& task, const store::Integration& integration) override;

  /// The handler for jobs of kind "sync".
  store::JobOutcome run(runtime::Task& task, const store::Job& job);

 private:
  struct Attempt;

  store::Store& store_;
  plugin::Registry& registry_;
  plugin::Calls& calls_;
  service::Environment& environment_;
  jobs::Runner& runner_;
  runtime::Metrics& metrics_;
  Limits limits_;
};

}  // namespace tomada::sync
