// All that is known of plugins at one moment. Immutable: whoever holds one sees no change.
#pragma once

#include "host/plugin/capabilities.hpp"
#include "host/plugin/release.hpp"
#include "host/store/plugins.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::plugin {

struct Pin {
  std::string version;
  std::shared_ptr<const Release> release;  // null: no such version is here any more
};

/// What was approved, and what follows for the plugin's versions. One for all tenants with the same text.
struct Approval {
  Capabilities capabilities;              // none when the store has no text yet, or a bad one
  std::shared_ptr<const Release> release;  // current, or the newest one before it that asks for no more; null: none does
  std::optional<Capabilities> missing;    // what current asks for beyond it
};

/// One plugin: at least one version of it can be run.
struct Versions {
  struct One {
    std::shared_ptr<const Release> release;
    std::int64_t installed_at_ms{};
    std::optional<Signer> signer;
  };
  std::vector<One> all;                              // the newest version first
  std::shared_ptr<const Release> current;            // takes new calls
  std::shared_ptr<const Release> previous;           // null: there is no way back
  std::map<std::string, Pin, std::less<>> pins;      // by tenant id
  std::map<std::string, std::shared_ptr<const Approval>, std::less<>> approvals;  // by tenant id; no entry: not allowed
  std::optional<store::PluginQuarantine> quarantine;

  /// The newest one of that version, or null.
  [[nodiscard]] std::shared_ptr<const Release> find(std::string_view version) const;
  [[nodiscard]] bool has(std::string_view sha256) const;
  /// "1.0.0, 1.1.0"
  [[nodiscard]] std::string names() const;
  /// It is one that must not run.
  [[nodiscard]] bool holds_back(const Release& release) const;

  /// What a tenant is meant to use: the pinned version, else current. Null: the pinned one is gone.
  [[nodiscard]] std::shared_ptr<const Release> meant_for(std::string_view tenant_id) const;
  /// What its calls use: the same, or while that waits for approval an earlier one. When none may run, and for a tenant that
  /// is not allowed the plugin, what it is meant to use.
  [[nodiscard]] std::shared_ptr<const Release> used_by(std::string_view tenant_id) const;
  /// What that version asks for beyond what was approved for the tenant; nullopt: nothing. All of it for a tenant that is not
  /// allowed the plugin.
  [[nodiscard]] std::optional<Capabilities> missing(const Release& release, std::string_view tenant_id) const;
  /// How many tenants are meant to use a version that waits for approval.
  [[nodiscard]] std::size_t waiting_count() const;
};

struct Snapshot {
  std::vector<Entry> entries;  // by file name
  std::map<std::string, Versions, std::less<>> plugins;

  [[nodiscard]] const Versions* find(std::string_view plugin_id) const;
};

/// What a snapshot is made of.
struct Facts {
  std::vector<Entry> entries;
  store::PluginState remembered;
  std::map<std::string, std::shared_ptr<const Release>> releases;  // by sha256: those that can be run
  std::map<std::string, Signer> signers;                           // of those that are signed
  std::set<std::string> plugin_ids;                                // available since the host started
  std::map<std::string, store::PluginQuarantine> held_back;        // by plugin, whether the store knows it or not
};

/// Current is what was chosen, if it can be run; else the newest version, then the first file by name. Of versions with the
/// same number the one that came last is the newest.
std::shared_ptr<const Snapshot> make_snapshot(const Facts& facts);

}  // namespace tomada::plugin
