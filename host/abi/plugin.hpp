// A loaded plugin and its instances: the one place that calls into plugin code.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/services.hpp"
#include "host/runtime/task.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct tomada_plugin;  // plugin.h
struct tomada_host;

namespace tomada::abi {

enum class SyncMode : std::uint32_t { full = 1, incremental = 2 };

struct SyncRequest {
  std::string entity;
  SyncMode mode{SyncMode::full};
  std::string since;
  std::string resume;
};

/// Borrowed until handle_webhook() returns.
struct Webhook {
  std::string_view event_id;
  std::string_view event_type;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;
  std::int64_t received_at_ms{};
  std::uint32_t attempt{1};
  bool wants_reply{false};  // the provider waits: the plugin may call Services::reply()
};

/// A service table that is the same for all calls (crypto), given to query_service. Register before any load.
void register_service(std::string_view id, const void* table);

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

/// One integration's instance. Lives on one loop; every function on that loop's thread. The task's stack must be at
/// least stack_bytes(). A plugin that throws or returns an unknown status gives INTERNAL and broken() turns true: make
/// a new instance.
class Instance {
 public:
  /// INVALID_CONFIG with the plugin's own words.
  static Result<std::unique_ptr<Instance>> create(std::shared_ptr<LoadedPlugin> plugin, runtime::Loop& loop,
                                                  std::string_view integration_id, std::string_view config_json);
  /// No call is running.
  ~Instance();

  /// Each waits for its turn when the manifest says `serial` (bounded by the task's deadline).
  Result<void> test_connection(runtime::Task& task, Services& services);
  Result<void> sync(runtime::Task& task, Services& services, const SyncRequest& request);
  /// `began` (may be null): whether the plugin was entered; false when the call's time went by waiting for its turn.
  Result<void> handle_webhook(runtime::Task& task, Services& services, const Webhook& webhook, bool* began = nullptr);

  [[nodiscard]] std::size_t stack_bytes() const;
  [[nodiscard]] std::size_t calls_count() const;  // running and waiting
  [[nodiscard]] bool broken() const;

 private:
  struct Impl;
  explicit Instance(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::abi
