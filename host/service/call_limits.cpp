#include "host/service/call_limits.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace tomada::service {
namespace {

using std::chrono::milliseconds;

/// Takes the place of a declared window of the same length.
void set_window(abi::Limits& limits, const char* name, std::int64_t amount, std::chrono::seconds length) {
  auto& windows = limits.pools.front().windows;
  std::erase_if(windows, [&](const abi::WindowLimit& window) { return window.length == length; });
  windows.push_back({name, static_cast<double>(amount), length, false});
}

std::optional<std::int64_t> first_of(const std::optional<std::int64_t>& own,
                                     const std::map<std::string, std::int64_t, std::less<>>& by_provider, std::string_view provider) {
  if (own) return own;
  const auto found = by_provider.find(provider);
  return found == by_provider.end() ? std::nullopt : std::optional(found->second);
}

/// The credential fields that the manifest's authentication reads; all of them where the plugin authenticates itself.
std::set<std::string> fields_of(const abi::Manifest& manifest, const credentials::Credentials& credentials) {
  std::set<std::string> fields;
  const auto collect = [&](std::string_view text) {
    for (const auto& [name, value] : credentials)
      if (text.find("{" + name + "}") != std::string_view::npos) fields.insert(name);
  };
  for (const abi::AuthMethod& method : manifest.auth) {
    for (const auto& placement : method.placements) collect(placement.value);
    collect(method.username);
    collect(method.password);
    if (method.kind == abi::AuthMethod::Kind::aws_sigv4 && credentials.contains("access_key_id")) fields.insert("access_key_id");
  }
  if (fields.empty())
    for (const auto& [name, value] : credentials) fields.insert(name);
  return fields;
}

}  // namespace

CallLimits call_limits(const abi::Manifest& manifest, const CallDefaults& defaults, const store::CallLimits& own,
                       std::string_view provider) {
  CallLimits limits{manifest.limits, defaults.timeout, defaults.retry, defaults.breaker};
  if (const auto amount = first_of(own.rate_limit_per_minute, defaults.rate_limit_per_minute, provider))
    set_window(limits.limits, "rate_limit_per_minute", *amount, std::chrono::seconds(60));
  if (const auto amount = first_of(own.rate_limit_per_hour, defaults.rate_limit_per_hour, provider))
    set_window(limits.limits, "rate_limit_per_hour", *amount, std::chrono::seconds(3'600));
  if (own.timeout_seconds) limits.timeout = std::chrono::seconds(*own.timeout_seconds);
  if (own.retry_attempts) limits.retry.retries_max = static_cast<std::size_t>(*own.retry_attempts);
  if (own.retry_backoff_ms) limits.retry.backoff = milliseconds(*own.retry_backoff_ms);
  if (own.circuit_breaker_enabled) limits.breaker.enabled = *own.circuit_breaker_enabled;
  if (own.circuit_breaker_threshold) limits.breaker.threshold = *own.circuit_breaker_threshold;
  if (own.circuit_breaker_timeout_ms) limits.breaker.timeout = milliseconds(*own.circuit_breaker_timeout_ms);
  return limits;
}

std::string account_key(const abi::Manifest& manifest, const store::Integration& integration, const nlohmann::json& config,
                        const credentials::Credentials& credentials, const credentials::Vault& vault) {
  const std::string provider = integration.provider_name + "/";
  // Who names an account of an app is the app's owner or the operator; see serve's set_webhook_fields().
  if (!integration.app_id.empty() && !integration.account_id.empty())
    return provider + "account/" + integration.app_id + "/" + integration.account_id;
  if (credentials.empty()) return provider + "integration/" + integration.config_id;
  std::string text = provider;
  for (const std::string& host : manifest.hosts)  // a shop's name in the host makes another account of the same token
    if (const auto filled = abi::fill_template(host, config); filled.has_value()) text += *filled + "\n";
  for (const std::string& field : fields_of(manifest, credentials)) {
    text += field + "=";
    text += credentials.find(field)->second.expose_secret();
    text += "\n";
  }
  std::string key = provider + "credentials/" + vault.fingerprint(text);
  wipe(text.data(), text.size());
  return key;
}

}  // namespace tomada::service
