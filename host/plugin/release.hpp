// What the registry hands out: a version that passed the checks, and what became of each file.
#pragma once

#include "host/abi/inspect.hpp"
#include "host/plugin/trust.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tomada::plugin {

/// One version of a plugin that passed the checks. Immutable, and one object for as long as it can be run.
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
  std::optional<Signer> signer{};  // none: no signature beside it, or one that does not fit
};

}  // namespace tomada::plugin
