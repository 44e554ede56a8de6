// What the routes work with. Private to serve/; main() hands over serve::Parts (api.hpp).
#pragma once

#include "host/credentials/vault.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/metrics.hpp"
#include "host/settings/settings.hpp"
#include "host/store/store.hpp"
#include "host/sync/engine.hpp"

#include <string_view>

namespace tomada::serve {

/// What the routes ask of sync/, cut as an interface so that a test can answer for it.
class Syncing {
 public:
  virtual ~Syncing() = default;
  virtual Result<std::string> enqueue(runtime::Task& task, const store::Integration& integration, std::string_view type,
                                      std::string_view mode) = 0;
  virtual Result<sync::Engine::TestOutcome> test_connection(runtime::Task& task,
                                                            const store::Integration& integration) = 0;
};

/// All of it outlives the router.
struct RouteParts {
  const settings::Settings& settings;
  store::Store& store;
  credentials::Vault& vault;
  const plugin::Registry& registry;
  Syncing& syncing;
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
  runtime::SteadyTime started_at;
};

}  // namespace tomada::serve
