// The services of a plugin call as the host makes them, with everything below them.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/services.hpp"
#include "host/runtime/task.hpp"

#include <memory>
#include <string>

namespace tomada::bench {

/// The host's own services on one loop: SQLite store in a folder of its own, vault, metrics, libcurl with its layers.
class HostServices {
 public:
  HostServices(runtime::Loop& loop, const abi::Manifest& manifest, std::string base_url);
  ~HostServices();
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  /// Those of one call on this task. May suspend.
  std::unique_ptr<abi::Services> make(runtime::Task& task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::bench
