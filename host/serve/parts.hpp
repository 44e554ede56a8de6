// What the API works with: the parts of the host, handed over by main().
#pragma once

#include "host/credentials/vault.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/metrics.hpp"
#include "host/service/call_layers.hpp"
#include "host/settings/settings.hpp"
#include "host/store/store.hpp"
#include "host/sync/syncing.hpp"
#include "host/webhook/receiving.hpp"

#include <functional>

namespace tomada::serve {

/// All of it outlives the API.
struct Parts {
  const settings::Settings& settings;
  store::Store& store;
  credentials::Vault& vault;
  plugin::Registry& registry;
  sync::Syncing& syncing;
  webhook::Receiving& webhooks;
  service::CallLayers& layers;
  std::function<void()> kick_jobs;  // a job may have become due: a replay, an integration that is enabled again
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
  runtime::SteadyTime started_at;
};

}  // namespace tomada::serve
