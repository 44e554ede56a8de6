// Starts plugin calls: finds or makes the integration's instance on its loop and runs the call there.
#pragma once

#include "host/abi/instance.hpp"
#include "host/plugin/registry.hpp"
#include "host/plugin/shelf.hpp"
#include "host/runtime/loop.hpp"
#include "host/runtime/metrics.hpp"
#include "host/store/integrations.hpp"
#include "host/store/plugins.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tomada::plugin {

struct CallsOptions {
  RegistryOptions where;
  WorkerOptions workers;
  /// A job crashed its worker twice alone; any loop's task.
  std::function<void(runtime::Task& task, const store::Integration& integration, const std::string& reason)> pause;
  /// Crashes that no single job explains; any loop's thread.
  std::function<void(const store::PluginQuarantine& quarantine)> quarantine;
};

/// An integration belongs to one loop for as long as the process lives.
class Calls {
 public:
  Calls(runtime::Loops& loops, Registry& registry, runtime::Metrics& metrics, CallsOptions options);
  ~Calls();  // no call is running

  [[nodiscard]] runtime::Loop& loop_of(std::string_view config_id);

  /// Runs `call(task, instance)` on the integration's loop, on a stack as large as is needed there, with an instance
  /// made for `integration.version` (a newer version replaces the old instance once its calls have ended). Suspends the
  /// calling task, from any loop; its interruption and deadline pass on to the call.
  /// `job` names the work for as long as it is tried again: what ran in a process that crashed runs alone the next time, and
  /// a second crash while it ran alone gives PERMANENT.
  /// NOT_FOUND: no such plugin. INVALID_CONFIG: create() refused. UNAVAILABLE: the plugin's process ended, or it is in
  /// quarantine.
  using Call = std::function<Result<void>(runtime::Task& task, abi::Instance& instance)>;
  /// `release`: the version that the caller looked up, so that code and manifest are of one piece; null: what the registry
  /// chooses now.
  Result<void> run(runtime::Task& task, const store::Integration& integration, const Call& call,
                   const std::string& job, std::shared_ptr<const Release> release = nullptr);

  /// For a `call` that does several jobs on its instance: one that is suspected goes through run() by itself,
  [[nodiscard]] bool suspects(const std::string& job) const;
  /// and this tells what became of one that ended, when its process crashed; any other `result` comes back as it is.
  Result<void> after_crash(runtime::Task& task, const store::Integration& integration, const abi::Instance& instance,
                           const std::string& job, Result<void> result);

  /// A released plugin starts with a clean record.
  void forget_crashes(const std::string& plugin_id);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::plugin
