// How requests of one integration leave: to its hosts only, signed, redirects followed where they may go.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/services.hpp"
#include "host/credentials/vault.hpp"
#include "host/http/client.hpp"
#include "host/runtime/task.hpp"
#include "host/service/allowed_hosts.hpp"

#include <nlohmann/json.hpp>

#include <memory>

namespace tomada::service {

/// Loop thread. All given is borrowed.
class Outbound {
 public:
  Outbound(http::Client& transport, const abi::Manifest& manifest, const nlohmann::json& config,
           const credentials::Credentials& credentials, const runtime::Clock& clock);

  /// FORBIDDEN: not one of the integration's hosts. Outlives the exchange.
  Result<std::unique_ptr<http::Exchange>> open(runtime::Task& task, abi::HttpRequest request);

 private:
  AllowedHosts allowed_;
  std::unique_ptr<http::Client> signing_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace tomada::service
