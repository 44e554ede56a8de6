// Starts plugin calls: finds or makes the integration's instance on its loop and runs the call there.
#pragma once

#include "host/abi/instance.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/loop.hpp"
#include "host/store/integrations.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tomada::plugin {

/// In-process calls. An integration belongs to one loop for as long as the process lives.
class Calls {
 public:
  Calls(runtime::Loops& loops, Registry& registry);
  ~Calls();  // no call is running

  [[nodiscard]] runtime::Loop& loop_of(std::string_view config_id);

  /// Runs `call(task, instance)` on the integration's loop, on a stack as large as the manifest asks, with an instance
  /// made for `integration.version` (a newer version replaces the old instance once its calls have ended). Suspends the
  /// calling task, from any loop; its interruption and deadline pass on to the call.
  /// NOT_FOUND: no such plugin. INVALID_CONFIG: create() refused.
  using Call = std::function<Result<void>(runtime::Task& task, abi::Instance& instance)>;
  Result<void> run(runtime::Task& task, const store::Integration& integration, const Call& call);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::plugin
