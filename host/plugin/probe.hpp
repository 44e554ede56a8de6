// Tries a new version before any call uses it: a worker loads it, and ends.
#pragma once

#include "host/plugin/registry.hpp"
#include "host/plugin/shelf.hpp"
#include "host/runtime/metrics.hpp"

namespace tomada::plugin {

/// A plugin that runs in the host's own process is not tried. `metrics` outlives the probe.
Probe make_worker_probe(WorkerOptions options, runtime::Metrics& metrics, RegistryOptions where);

}  // namespace tomada::plugin
