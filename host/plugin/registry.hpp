// The plugins of this host: inspected, copied to a content-addressed place, loaded on first use, never unloaded.
#pragma once

#include "host/abi/inspect.hpp"
#include "host/abi/plugin.hpp"

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::plugin {

/// One version of a plugin that passed the checks. Immutable.
struct Release {
  std::string plugin_id;
  std::string version;
  std::string sha256;
  std::filesystem::path copy;                     // in the private directory, named by its content
  std::shared_ptr<const abi::Manifest> manifest;  // shared with everyone who looked the plugin up
};

/// A file of the plugin directory and what became of it.
struct Entry {
  std::filesystem::path file;
  std::string plugin_id;  // empty when the manifest could not be read
  std::string version;
  std::string sha256;
  std::vector<abi::Refusal> refusals;  // empty: available
  std::shared_ptr<const abi::Manifest> manifest;
};

/// Thread-safe. Entries stay until the process ends.
class Registry {
 public:
  /// Looks at every *.so of `plugin_dir` (no code runs), by name. A bad file is an entry with refusals, never an error;
  /// a second file with the same id is refused ("P15"). Good files are copied to `private_dir`/sha256/<digest>.so.
  /// Also refuses what this host cannot run: call model "thread", a required service it lacks.
  static Result<std::unique_ptr<Registry>> scan(const std::filesystem::path& plugin_dir,
                                                const std::filesystem::path& private_dir);

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  /// The available plugin of that id.
  [[nodiscard]] const Entry* find(std::string_view plugin_id) const;
  /// What a call of this tenant uses. NOT_FOUND.
  [[nodiscard]] Result<std::shared_ptr<const Release>> choose(std::string_view plugin_id, std::string_view tenant_id) const;

 private:
  Registry() = default;
  std::filesystem::path private_dir_;
  std::vector<Entry> entries_;
  std::vector<std::shared_ptr<const Release>> releases_;  // shared with running instances
};

}  // namespace tomada::plugin
