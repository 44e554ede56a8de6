// The API of a host as one object: requests in, answers out. main() puts a server or the commands before it.
#pragma once

#include "host/credentials/vault.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/metrics.hpp"
#include "host/runtime/task.hpp"
#include "host/serve/message.hpp"
#include "host/settings/settings.hpp"
#include "host/store/store.hpp"
#include "host/sync/engine.hpp"

#include <memory>

namespace tomada::serve {

/// The parts of the host that the API works with. All outlive it.
struct Parts {
  const settings::Settings& settings;
  store::Store& store;
  credentials::Vault& vault;
  const plugin::Registry& registry;
  sync::Engine& syncs;
  runtime::Metrics& metrics;
  const runtime::Clock& clock;
  runtime::SteadyTime started_at;
};

/// Any loop may ask.
class Api {
 public:
  explicit Api(const Parts& parts);
  ~Api();

  /// Always an answer. The task needs a stack of k_handler_stack_bytes.
  Answer answer(runtime::Task& task, const Request& request) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::serve
