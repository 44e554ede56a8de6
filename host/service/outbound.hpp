// How requests of one integration leave: to its hosts only, within its account's limits, tried again where that is safe,
// stopped while the provider fails, signed, redirects followed where they may go.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/services.hpp"
#include "host/http/client.hpp"
#include "host/limit/lane.hpp"
#include "host/runtime/task.hpp"
#include "host/service/allowed_hosts.hpp"
#include "host/service/call_services.hpp"

#include <memory>

namespace tomada::service {

/// Loop thread. All given is borrowed.
class Outbound {
 public:
  /// On the task's loop. May read the store the first time that the integration sends something.
  static Result<std::unique_ptr<Outbound>> make(runtime::Task& task, Environment& environment, const store::Integration& integration,
                                                const abi::Manifest& manifest, const OpenedIntegration& opened, limit::Lane lane);

  /// Signs and follows redirects, and nothing else: for a recording, whose every request shall be seen.
  static std::unique_ptr<Outbound> make_bare(http::Client& transport, const abi::Manifest& manifest, const nlohmann::json& config,
                                             const credentials::Credentials& credentials, const runtime::Clock& clock);

  /// FORBIDDEN: not one of the integration's hosts. RATE_LIMITED, UNAVAILABLE: from the layers. Outlives the exchange.
  Result<std::unique_ptr<http::Exchange>> open(runtime::Task& task, abi::HttpRequest request);

 private:
  Outbound(const abi::Manifest& manifest, const nlohmann::json& config, std::chrono::milliseconds timeout)
      : allowed_(manifest, config), timeout_(timeout) {}

  AllowedHosts allowed_;
  std::chrono::milliseconds timeout_;
  std::vector<std::unique_ptr<http::Client>> layers_;  // the transport's neighbour first; each wraps the one before it
};

}  // namespace tomada::service
