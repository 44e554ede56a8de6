// What a host remembers of plugins: the versions it has, which one runs, for whom another one, and which must not run.
#pragma once

#include "host/base/result.hpp"
#include "host/runtime/task.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

inline constexpr std::size_t k_plugin_versions_count_max = 20;  // of one plugin
inline constexpr std::size_t k_plugin_pins_count_max = 10'000;  // of all tenants
inline constexpr std::size_t k_plugin_approvals_count_max = 100'000;  // of all tenants

/// A file that passed all checks once; its bytes lie in the host's private directory under their digest.
struct PluginVersion {
  std::string plugin_id;
  std::string sha256;
  std::string version;
  std::int64_t installed_at_ms{};
  bool operator==(const PluginVersion&) const = default;
};

/// The version that takes new calls, and the one before it, to which a roll-back goes (may be empty).
struct PluginChoice {
  std::string plugin_id;
  std::string sha256;
  std::string previous_sha256;
  std::int64_t chosen_at_ms{};
  bool operator==(const PluginChoice&) const = default;
};

/// One tenant stays on a version, whatever is chosen for the others.
struct PluginPin {
  std::string plugin_id;
  std::string tenant_id;
  std::string version;
  bool operator==(const PluginPin&) const = default;
};

/// A tenant may use a plugin, within what was approved for it.
struct PluginApproval {
  std::string plugin_id;
  std::string tenant_id;
  std::string capabilities;  // as the registry writes them; empty: allowed before they were recorded
  std::string approved_by;   // the operator's user name, or "upgrade"
  std::int64_t approved_at_ms{};
  bool operator==(const PluginApproval&) const = default;
};

struct PluginQuarantine {
  std::string plugin_id;
  std::string version;
  std::string reason;        // for people
  std::int32_t signal{};     // of the last crash; 0: none
  std::string last_service;  // that the plugin asked for before it; may be empty
  std::int64_t since_ms{};
  bool operator==(const PluginQuarantine&) const = default;
};

/// Each list in the order of its plugins' ids.
struct PluginState {
  std::vector<PluginVersion> versions;  // of each plugin the oldest first
  std::vector<PluginChoice> choices;
  std::vector<PluginPin> pins;
  std::vector<PluginApproval> approvals;  // of each plugin by tenant id
  std::vector<PluginQuarantine> quarantines;
  bool operator==(const PluginState&) const = default;
};

/* Small tables, belonging to the operator and not to a tenant (but a pin goes with its tenant, and an approval stays with it).
 * A version is in use while it is chosen, the previous one, or a tenant's pin names it. */
class Plugins {
 public:
  virtual ~Plugins() = default;
  virtual Result<PluginState> all(runtime::Task& task) = 0;
  /// Known already: its time is set again. One more than k_plugin_versions_count_max: the oldest that is not in use goes
  /// (all() tells what stayed); all in use: CONFLICT.
  virtual Result<void> add_version(runtime::Task& task, const PluginVersion& version) = 0;
  /// NOT_FOUND: there is none. CONFLICT: it is in use.
  virtual Result<void> remove_version(runtime::Task& task, std::string_view plugin_id, std::string_view sha256) = 0;
  /// The chosen one becomes the previous one. No effect when it is chosen already. NOT_FOUND: there is no such version.
  virtual Result<void> choose(runtime::Task& task, std::string_view plugin_id, std::string_view sha256,
                              std::int64_t now_ms) = 0;
  /// In place of the one the tenant had. NOT_FOUND: no such tenant. INVALID_DATA: over k_plugin_pins_count_max.
  /// Whether there is such a version is not asked.
  virtual Result<void> pin(runtime::Task& task, const PluginPin& pin) = 0;
  /// NOT_FOUND: there is none.
  virtual Result<void> unpin(runtime::Task& task, std::string_view plugin_id, std::string_view tenant_id) = 0;
  /// In place of the tenant's approval before; it is allowed the plugin from its first one on. NOT_FOUND: no such tenant.
  /// INVALID_DATA: over k_plugin_approvals_count_max. Whether there is such a plugin is not asked.
  virtual Result<void> approve(runtime::Task& task, const PluginApproval& approval) = 0;
  /// The same for approvals whose capabilities were not recorded, and for no others: of that tenant, or of all when
  /// `tenant_id` is empty. Returns how many.
  virtual Result<std::int64_t> adopt(runtime::Task& task, const PluginApproval& approval) = 0;
  /// In place of the one before. For a plugin with no version as well.
  virtual Result<void> quarantine(runtime::Task& task, const PluginQuarantine& quarantine) = 0;
  /// NOT_FOUND: it is not in quarantine.
  virtual Result<void> release(runtime::Task& task, std::string_view plugin_id) = 0;
};

}  // namespace tomada::store
