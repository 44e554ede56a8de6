// The bytes of plugin versions in sealed memory, for workers; there as long as somebody runs them.
#pragma once

#include "host/cage/descriptor.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/blocking_pool.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace tomada::plugin {

/// Thread-safe.
class SealedFiles {
 public:
  /// Copied the first time, on threads that may wait for the disk. UNAVAILABLE: it cannot be read, or is not what was
  /// inspected.
  Result<std::shared_ptr<const cage::Descriptor>> of(runtime::Task& task, const Release& release);

 private:
  std::shared_ptr<const cage::Descriptor> known(const std::string& sha256);

  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const cage::Descriptor>> by_sha256_;
  runtime::BlockingPool pool_{{.threads_count = 1}};
};

}  // namespace tomada::plugin
