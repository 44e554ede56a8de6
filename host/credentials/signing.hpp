// The layer that adds authentication, last, so that no date or token is stale and the plugin never sees the secret.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/credentials/vault.hpp"
#include "host/http/client.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <vector>

namespace tomada::credentials {

/// Adds authentication to `request` by the first of `methods` whose credentials are all present.
/// UNAUTHENTICATED: there are methods, and none has its credentials; names the fields that are missing.
Result<void> authorize(http::Request& request, const std::vector<abi::AuthMethod>& methods,
                       const nlohmann::json& config, const Credentials& credentials, runtime::WallTime now);

/// A layer over `inner` that authorizes each request whose `authenticate` is set, and each redirect anew.
/// Everything is borrowed and must outlive the client.
std::unique_ptr<http::Client> make_signing_client(http::Client& inner, const std::vector<abi::AuthMethod>& methods,
                                                  const nlohmann::json& config, const Credentials& credentials,
                                                  const runtime::Clock& clock);

}  // namespace tomada::credentials
