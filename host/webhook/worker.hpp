// Works stored events off: the job of an integration takes its due events and hands each to the plugin.
#pragma once

#include "host/jobs/runner.hpp"
#include "host/plugin/calls.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/metrics.hpp"
#include "host/service/call_services.hpp"
#include "host/store/store.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>

namespace tomada::webhook {

inline constexpr std::int64_t k_attempts_max = 6;  // the first, then after 1, 5, 15 min, 1 h, 6 h

/// When an event whose attempt `attempt` (1…) failed comes back: 1, 5, 15 min, 1 h, 6 h, or `retry_after` when it is
/// longer. nullopt: it is dead.
std::optional<std::chrono::milliseconds> retry_delay(std::int64_t attempt,
                                                     std::optional<std::chrono::milliseconds> retry_after);

struct WorkerOptions {
  std::size_t running_max{16};                        // calls of one integration at the same time
  std::chrono::milliseconds call_timeout{60'000};
  std::chrono::milliseconds slice{10'000};            // then other integrations' jobs get their turn
  std::size_t take_max{256};                          // events taken in one transaction
};

/// Any loop.
class Worker {
 public:
  /// `intake_waiting`: how many requests wait for the disk; while there are many, the worker goes slowly: an event
  /// that is not stored yet can be lost, one that is stored cannot.
  Worker(store::Store& store, plugin::Registry& registry, plugin::Calls& calls, service::Environment& environment,
         runtime::Metrics& metrics, std::function<std::size_t()> intake_waiting, WorkerOptions options);

  /// The handler for jobs of kind "webhook".
  store::JobOutcome run(runtime::Task& task, const store::Job& job);

 private:
  store::Store& store_;
  plugin::Registry& registry_;
  plugin::Calls& calls_;
  service::Environment& environment_;
  runtime::Metrics& metrics_;
  std::function<std::size_t()> intake_waiting_;
  WorkerOptions options_;
};

}  // namespace tomada::webhook
