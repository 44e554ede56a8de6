// Plugin code in the host's own process: each version once, never unloaded.
#pragma once

#include "host/abi/plugin.hpp"
#include "host/plugin/registry.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace tomada::plugin {

/// Thread-safe.
class InProcessLoader {
 public:
  /// UNAVAILABLE or INVALID_DATA as abi::LoadedPlugin::load says, or when the file is not what was inspected.
  Result<std::shared_ptr<abi::LoadedPlugin>> load(const Release& release);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<abi::LoadedPlugin>> by_sha256_;  // shared with running instances
};

}  // namespace tomada::plugin
