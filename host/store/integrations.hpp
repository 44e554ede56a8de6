// Integrations: one provider connected for one tenant (table api_configurations) and their sealed credentials.
#pragma once

#include "host/runtime/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

/// What the integration says about its calls; absent: the operator's or the manifest's word counts.
struct CallLimits {
  std::optional<std::int64_t> rate_limit_per_minute;
  std::optional<std::int64_t> rate_limit_per_hour;
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::int64_t> retry_attempts;
  std::optional<std::int64_t> retry_backoff_ms;
  std::optional<std::int64_t> circuit_breaker_threshold;
  std::optional<std::int64_t> circuit_breaker_timeout_ms;
  std::optional<bool> circuit_breaker_enabled;
  bool operator==(const CallLimits&) const = default;
};

struct Integration {
  std::string config_id;  // the {id} of the API
  std::string tenant_id;
  std::string integration_name;
  std::string provider_name;  // the plugin's id
  std::string config_json;    // validated against the manifest's schema
  std::string sealed_credentials;  // AES-256-GCM under the tenant's data key; empty: none
  bool is_enabled{true};
  std::string health_status{"unknown"};     // healthy | degraded | unhealthy | unknown
  std::string connection_status{"created"};  // created | connected | error | reconnect_needed
  std::optional<std::int64_t> last_sync_at_ms;
  std::int64_t created_at_ms{};
  std::int64_t updated_at_ms{};
  std::string app_id;      // empty: none
  std::string account_id;  // the provider's name of the account, where app webhooks are routed by it; empty: none
  bool allow_legacy{false};  // accepts webhook signatures that the manifest calls legacy
  std::int64_t version{1};  // counts changes of config, limits or credentials: an instance made for an older one is replaced
  CallLimits limits{};
};

class Integrations {
 public:
  virtual ~Integrations() = default;
  virtual Result<void> create(runtime::Task& task, const Integration& integration) = 0;
  virtual Result<std::optional<Integration>> find(runtime::Task& task, std::string_view tenant_id,
                                                  std::string_view config_id) = 0;
  virtual Result<std::vector<Integration>> find_by_provider(runtime::Task& task, std::string_view tenant_id,
                                                            std::string_view provider_name) = 0;
  /// By creation; `after_id` empty for the first page, then the last config_id seen.
  virtual Result<std::vector<Integration>> list(runtime::Task& task, std::string_view tenant_id,
                                                std::string_view after_id, std::size_t limit) = 0;
  /// For the intake, which knows no tenant yet.
  virtual Result<std::optional<Integration>> find_any(runtime::Task& task, std::string_view config_id) = 0;
  /// Sets name, config_json, sealed_credentials, is_enabled, connection_status, app_id, account_id, allow_legacy,
  /// limits, updated_at; adds one to version. An enabled one's webhook job is woken.
  /// CONFLICT when `integration.version` is no longer the stored one; `integration.version` is what was read.
  virtual Result<void> update(runtime::Task& task, const Integration& integration) = 0;
  /// Health and connection state only; version stays.
  virtual Result<void> set_health(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                  std::string_view health_status, std::string_view connection_status) = 0;
  /// Removes the integration with its records, cursors, values, syncs and jobs.
  virtual Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id) = 0;

  /// For /health, the operator's view: provider_name -> worst health_status of its enabled integrations.
  virtual Result<std::vector<std::pair<std::string, std::string>>> health_by_provider(runtime::Task& task) = 0;
};

}  // namespace tomada::store
