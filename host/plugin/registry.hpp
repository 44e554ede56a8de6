// The plugins of this host: which versions there are, which one a call uses, which must not run.
#pragma once

#include "host/plugin/directory.hpp"
#include "host/plugin/release.hpp"
#include "host/plugin/snapshot.hpp"
#include "host/runtime/metrics.hpp"
#include "host/runtime/task.hpp"
#include "host/store/plugins.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::plugin {

struct RegistryOptions {
  bool in_process{false};                       // all plugins; their code is trusted with the host's memory
  std::vector<std::string> in_process_plugins;  // or these

  [[nodiscard]] bool runs_here(const std::string& plugin_id) const;
};

/// An operator allows a tenant a plugin.
struct Allowance {
  std::string plugin_id;
  std::string tenant_id;
  std::string version;  // empty: what the tenant is meant to use
  Capabilities seen;    // what the operator saw that it asks for
  std::string approved_by;
};

/// Loads a version where it does no harm; the error is why it cannot run.
using Probe = std::function<Result<void>(runtime::Task& task, const Release& release)>;

/* Life: scan() (before the loops run; the newest versions are available) -> remember() (the store's choices count) ->
 * watch() (the directory's changes count), which ends with its loop. What it knows is an immutable snapshot that is
 * replaced: whoever asks waits for no scan, no probe and no store. Thread-safe. */
class Registry {
 public:
  /// What remember() connects it with. All outlives it; `changed` and `released` run in tasks of any loop.
  struct Surroundings {
    store::Plugins& plugins;
    runtime::Metrics& metrics;
    Probe probe{};                                                      // empty: nothing is loaded before its first call
    std::function<void()> changed{};                                    // another version or manifest may count now
    std::function<void(const std::string& plugin_id)> released{};       // from quarantine
  };

  /// Looks at every *.so of `plugin_dir` (no code runs), by name. A bad file is an entry with refusals, never an error; so is
  /// the second file with another content for the same id and version ("P15"). Good files are copied to `private_dir`.
  /// INVALID_CONFIG: the trust options are wrong.
  static Result<std::unique_ptr<Registry>> scan(const std::filesystem::path& plugin_dir,
                                                const std::filesystem::path& private_dir, RegistryOptions options = {},
                                                const TrustOptions& trust = {});
  ~Registry();  // no task uses it

  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  [[nodiscard]] std::shared_ptr<const std::vector<Entry>> entries() const;
  /// The version that takes new calls, in quarantine or not. Null: there is no such plugin.
  [[nodiscard]] std::shared_ptr<const Release> find(std::string_view plugin_id) const;
  /// The same for one tenant, which may be pinned, or stay on an earlier version until more is approved (Versions::used_by).
  /// Null as well when the pinned version is gone. Whether it may run is choose()'s to say.
  [[nodiscard]] std::shared_ptr<const Release> find(std::string_view plugin_id, std::string_view tenant_id) const;
  /// What a call of this tenant uses. NOT_FOUND: no such plugin. UNAVAILABLE: the tenant is not allowed it, no version is
  /// within what was approved, it is in quarantine, or the pinned version is gone.
  [[nodiscard]] Result<std::shared_ptr<const Release>> choose(std::string_view plugin_id, std::string_view tenant_id) const;
  /// For a call with a version chosen earlier. Errors as for choose().
  [[nodiscard]] Result<void> may_run(const Release& release, std::string_view tenant_id) const;
  /// Which version an approval is about: `version`, or when that is empty what the tenant is meant to use. NOT_FOUND: no such
  /// plugin or version.
  [[nodiscard]] Result<std::shared_ptr<const Release>> asking(const std::string& plugin_id, const std::string& version,
                                                              std::string_view tenant_id) const;

  /// Once. Takes over what the store remembers; a content that it does not know is new, as if it were dropped now.
  Result<void> remember(runtime::Task& task, Surroundings surroundings);
  /// After remember(): starts a task that follows the directory until the loop ends.
  void watch(runtime::Loop& loop);
  /// Looks at what changed and takes it over: good new files are probed, written down, and become current. Not for two tasks
  /// at a time. An error: it should be tried again, with all.
  Result<void> refresh(runtime::Task& task, const Changes& changes);

  /// Takes over what another host on the same store chose.
  Result<void> catch_up(runtime::Task& task);

  // For the operator, after remember(); the store's errors pass.
  /// The previous version becomes current, and the other way round; returns it. NOT_FOUND, CONFLICT: there is none.
  Result<std::shared_ptr<const Release>> rollback(runtime::Task& task, std::string_view plugin_id);
  /// Approves `seen` together with what was approved for the tenant before, and returns both. NOT_FOUND: no such plugin,
  /// version or tenant. CONFLICT: the version asks for more than was seen.
  Result<Capabilities> allow(runtime::Task& task, const Allowance& allowance);
  /// NOT_FOUND: no such plugin, version (the words name those there are) or tenant. CONFLICT: the version asks for more than
  /// was approved for the tenant.
  Result<void> pin(runtime::Task& task, const store::PluginPin& pin);
  /// NOT_FOUND: no such plugin or pin.
  Result<void> unpin(runtime::Task& task, std::string_view plugin_id, std::string_view tenant_id);
  /// Counts at once, even when the store does not take it. A new version that becomes current ends it.
  Result<void> quarantine(runtime::Task& task, store::PluginQuarantine quarantine);
  /// NOT_FOUND: it is not in quarantine.
  Result<void> release(runtime::Task& task, std::string_view plugin_id);

 private:
  struct Impl;
  explicit Registry(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::plugin
