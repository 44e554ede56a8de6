// What others ask of the sync engine.
#pragma once

#include "host/base/result.hpp"
#include "host/runtime/task.hpp"
#include "host/store/integrations.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace tomada::sync {

struct TestOutcome {
  bool ok{};
  std::chrono::milliseconds latency{};
  std::string detail;
  std::string error_code;  // the word of Errc; empty when ok
};

/// Any loop.
class Syncing {
 public:
  virtual ~Syncing() = default;

  /// Queues a run and returns its id. `type` is an entity of the manifest, or empty for all; `mode` "full" or
  /// "incremental". INVALID_DATA: unknown type or mode, with the ones that exist. CONFLICT: one is running already (its
  /// id is named). FORBIDDEN: the integration is disabled.
  virtual Result<std::string> enqueue(runtime::Task& task, const store::Integration& integration, std::string_view type,
                                      std::string_view mode) = 0;

  /// The plugin's test_connection; the integration's health is set by it.
  virtual Result<TestOutcome> test_connection(runtime::Task& task, const store::Integration& integration) = 0;
};

}  // namespace tomada::sync
