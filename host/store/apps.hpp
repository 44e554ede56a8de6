// Apps: what a developer registered at a provider once, for many accounts (HubSpot, Slack): one webhook address, one
// secret. Integrations name their app and their account there.
#pragma once

#include "host/runtime/task.hpp"
#include "host/store/integrations.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

struct App {
  std::string app_id;
  std::string tenant_id;  // the owner
  std::string app_name;
  std::string provider_name;
  std::string sealed_credentials;  // client_id, client_secret, webhook secrets
  bool is_shared{false};           // integrations of other tenants may use it; set by the operator of the host only
  bool is_enabled{true};
  bool allow_legacy{false};
  std::int64_t created_at_ms{};
  std::int64_t updated_at_ms{};
  std::int64_t version{1};
};

class Apps {
 public:
  virtual ~Apps() = default;
  virtual Result<void> create(runtime::Task& task, const App& app) = 0;
  /// The tenant's own, or a shared one.
  virtual Result<std::optional<App>> find(runtime::Task& task, std::string_view tenant_id, std::string_view app_id) = 0;
  virtual Result<std::vector<App>> list(runtime::Task& task, std::string_view tenant_id, std::string_view after_id,
                                        std::size_t limit) = 0;
  /// The owner's only. CONFLICT when `app.version` is no longer the stored one.
  virtual Result<void> update(runtime::Task& task, const App& app) = 0;
  /// CONFLICT while integrations name it.
  virtual Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view app_id) = 0;

  /// For the intake, which knows no tenant yet.
  virtual Result<std::optional<App>> find_any(runtime::Task& task, std::string_view app_id) = 0;
  /// The integrations, of any tenant, that have this account of this app.
  virtual Result<std::vector<Integration>> integrations(runtime::Task& task, std::string_view app_id,
                                                        std::string_view account_id) = 0;
};

}  // namespace tomada::store
