// All that is known of plugins at one moment. Immutable: whoever holds one sees no change.
#pragma once

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
  std::optional<store::PluginQuarantine> quarantine;

  /// The newest one of that version, or null.
  [[nodiscard]] std::shared_ptr<const Release> find(std::string_view version) const;
  [[nodiscard]] bool has(std::string_view sha256) const;
  /// "1.0.0, 1.1.0"
  [[nodiscard]] std::string names() const;
  /// It is one that must not run.
  [[nodiscard]] bool holds_back(const Release& release) const;
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

/// Current is what was chosen, if it can be run; else the newest version, then the first file by name.
std::shared_ptr<const Snapshot> make_snapshot(const Facts& facts);

}  // namespace tomada::plugin
