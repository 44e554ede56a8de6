// The plugin's own object and its functions: the one place that calls into plugin code.
#pragma once

#include "host/abi/instance.hpp"
#include "host/abi/plugin.hpp"

#include <atomic>
#include <memory>
#include <string_view>

namespace tomada::abi {

/* Each function enters the plugin on the stack it is called on and comes back with a Result whatever the plugin does, save
 * dying. No turns: whoever calls sees to the manifest's concurrency. Several threads may call a `parallel` one at once. */
class RawInstance {
 public:
  /// INVALID_CONFIG with the plugin's own words.
  static Result<std::unique_ptr<RawInstance>> create(std::shared_ptr<LoadedPlugin> plugin, std::string_view integration_id,
                                                     std::string_view config_json);
  /// No call is running.
  ~RawInstance();

  Result<void> test_connection(Services& services);
  Result<void> sync(Services& services, const SyncRequest& request);
  Result<void> handle_webhook(Services& services, const Webhook& webhook);

  [[nodiscard]] const Manifest& manifest() const { return plugin_->manifest(); }
  /// It threw or returned an unknown status; it is not entered again.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  RawInstance(std::shared_ptr<LoadedPlugin> plugin, void* state);
  template <class F>
  Result<void> call(Services& services, std::string_view function, F&& enter);

  std::shared_ptr<LoadedPlugin> plugin_;  // shared with the registry and other instances
  void* state_;
  std::atomic<bool> broken_{false};
};

}  // namespace tomada::abi
