// A loaded plugin file.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/base/result.hpp"

#include <filesystem>
#include <memory>
#include <string_view>

struct tomada_plugin;  // plugin.h
struct tomada_host;

namespace tomada::abi {

/// The file's code in this process; never unloaded. Thread-safe.
class LoadedPlugin {
 public:
  /// Loads a private copy (dlopen with RTLD_NOW | RTLD_LOCAL through Boost.DLL), calls the entry, checks the table.
  /// UNAVAILABLE: the loader's own words. INVALID_DATA: the entry or its table breaks a rule (named).
  static Result<std::shared_ptr<LoadedPlugin>> load(const std::filesystem::path& private_copy, Manifest manifest);
  ~LoadedPlugin();

  [[nodiscard]] const Manifest& manifest() const;
  [[nodiscard]] const tomada_plugin& table() const;
  [[nodiscard]] bool handles_webhooks() const;

 private:
  struct Impl;
  explicit LoadedPlugin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::abi
