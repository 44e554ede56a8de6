// The host's implementation of what a plugin sees, for one call: check the argument, convert it, call down.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/services.hpp"
#include "host/credentials/vault.hpp"
#include "host/http/client.hpp"
#include "host/runtime/metrics.hpp"
#include "host/runtime/task.hpp"
#include "host/service/call_layers.hpp"
#include "host/store/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tomada::service {

/// What all calls share. `http_clients` has one transport for each loop, by Loop::index().
struct Environment {
  store::Store& store;
  credentials::Vault& vault;
  runtime::Metrics& metrics;
  CallLayers& layers;
  std::vector<std::unique_ptr<http::Client>> http_clients;
};

/// What the records of a sync call are committed with; absent for test_connection.
struct SyncContext {
  std::string sync_id;
  std::string entity;
  std::int64_t fencing_token{};
  std::int64_t generation{};
  bool full{false};
  std::int64_t rejected_count{0};  // records refused in this run so far, earlier attempts included
  std::int64_t expected_total{0};  // shown when the plugin does not know a total; 0: not known
  bool lease_lost{false};  // a commit said so: somebody else has the run
  /// Told after each commit, for the run's totals.
  std::function<void(const store::PageOutcome&, std::int64_t rejected_count)> on_commit;
};

/// Opens the credentials and builds the services of one call on this task's loop.
/// Everything given is borrowed and outlives the services.
Result<std::unique_ptr<abi::Services>> make_call_services(runtime::Task& task, Environment& environment,
                                                          const store::Integration& integration,
                                                          const abi::Manifest& manifest, SyncContext* sync);

/// What the calls of one integration share: opened once for many events.
struct OpenedIntegration {
  credentials::Credentials credentials;
  nlohmann::json config;
};
Result<std::shared_ptr<const OpenedIntegration>> open_integration(runtime::Task& task, Environment& environment,
                                                                  const store::Integration& integration);

}  // namespace tomada::service
