// Tenants, their API keys, and which plugins they may use.
#pragma once

#include "host/runtime/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

struct Tenant {
  std::string tenant_id;
  std::string name;  // unique
  std::int64_t created_at_ms{};
};

struct ApiKey {
  std::string key_id;
  std::string tenant_id;
  std::string tenant_name;
  std::string role;        // "admin" | "operator" | "viewer"
  std::string key_sha256;  // hex; the key itself is stored nowhere
  std::int64_t created_at_ms{};
};

struct AllowedPlugin {
  std::string plugin_id;
  std::int64_t created_at_ms{};
  std::string approved_by;        // the last approval's; empty: from before it was recorded
  std::int64_t approved_at_ms{};  // 0: the same
};

class Tenants {
 public:
  virtual ~Tenants() = default;
  /// CONFLICT when the name is taken.
  virtual Result<void> create(runtime::Task& task, const Tenant& tenant) = 0;
  virtual Result<std::optional<Tenant>> find_by_name(runtime::Task& task, std::string_view name) = 0;
  /// For the operator: all, by name.
  virtual Result<std::vector<Tenant>> list(runtime::Task& task) = 0;

  virtual Result<void> add_key(runtime::Task& task, const ApiKey& key) = 0;
  virtual Result<std::optional<ApiKey>> find_key(runtime::Task& task, std::string_view key_sha256) = 0;

  // Plugins::approve() allows one.
  virtual Result<bool> is_plugin_allowed(runtime::Task& task, std::string_view tenant_id,
                                         std::string_view plugin_id) = 0;
  virtual Result<std::vector<AllowedPlugin>> allowed_plugins(runtime::Task& task, std::string_view tenant_id) = 0;

  /// The tenant's data key, wrapped by the master key. put fails with CONFLICT when there is one already.
  virtual Result<std::optional<std::string>> wrapped_key(runtime::Task& task, std::string_view tenant_id) = 0;
  virtual Result<void> put_wrapped_key(runtime::Task& task, std::string_view tenant_id, std::string_view wrapped) = 0;
};

}  // namespace tomada::store
