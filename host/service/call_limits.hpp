// What bounds the requests of one integration: by its manifest, then the operator, then itself.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/breaker/breaker.hpp"
#include "host/credentials/vault.hpp"
#include "host/http/retrying.hpp"
#include "host/store/integrations.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace tomada::service {

/// The operator's word (section `calls` of the settings), for integrations that say nothing themselves.
struct CallDefaults {
  std::map<std::string, std::int64_t, std::less<>> rate_limit_per_minute;  // by provider
  std::map<std::string, std::int64_t, std::less<>> rate_limit_per_hour;
  std::chrono::seconds timeout{30};
  http::RetryPolicy retry;
  breaker::Policy breaker;
};

struct CallLimits {
  abi::Limits limits;  // of the account
  std::chrono::milliseconds timeout{30'000};  // of one request that names none
  http::RetryPolicy retry;
  breaker::Policy breaker;
};

CallLimits call_limits(const abi::Manifest& manifest, const CallDefaults& defaults, const store::CallLimits& own,
                       std::string_view provider);

/// Names the account at the provider, so that all who send for it share one budget: the app's account where a webhook app
/// names it, else a fingerprint of the credentials that authenticate, else the integration. No secret in clear.
std::string account_key(const abi::Manifest& manifest, const store::Integration& integration, const nlohmann::json& config,
                        const credentials::Credentials& credentials, const credentials::Vault& vault);

}  // namespace tomada::service
