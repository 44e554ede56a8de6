// What one loop knows of the addresses that providers call, so that an event costs no look into the store.
#pragma once

#include "host/plugin/release.hpp"
#include "host/runtime/clock.hpp"
#include "host/runtime/task.hpp"
#include "host/scheme/scheme.hpp"
#include "host/service/call_services.hpp"
#include "host/store/apps.hpp"
#include "host/store/integrations.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tomada::webhook {

/// Of each loop; the one that was used longest ago goes.
inline constexpr std::size_t k_known_max = 10'000;
inline constexpr std::size_t k_unknown_max = 4'096;  // addresses that do not exist

/// What verification needs; made once for each version of an integration or app, and of its plugin.
struct Material {
  std::shared_ptr<const plugin::Release> release;  // whose manifest it is; shared with the registry
  std::shared_ptr<const scheme::Webhook> webhook;  // compiled with the configuration
  std::shared_ptr<const service::OpenedIntegration> opened;
  scheme::Secrets secrets;  // views into opened->credentials
};

/// One address. Does not change once made; requests that wait keep theirs.
struct Known {
  std::optional<store::Integration> integration;  // this or
  std::optional<store::App> app;                  // that
  std::shared_ptr<const Material> material;       // shared with the Known of other loops' reads of the same version
  std::string why_not;  // material is missing: the configuration or the credentials do not do

  [[nodiscard]] const std::string& tenant_id() const { return integration ? integration->tenant_id : app->tenant_id; }
  [[nodiscard]] std::int64_t version() const { return integration ? integration->version : app->version; }
  [[nodiscard]] const std::string& provider() const {
    return integration ? integration->provider_name : app->provider_name;
  }
};

/// Loop thread only, but for `epoch`. Nothing in it waits except load().
class KnownCache {
 public:
  /// Reads an address; null: there is none. `old` is what was known of it.
  using Load = std::function<Result<std::shared_ptr<const Known>>(runtime::Task& task, std::string_view id,
                                                                  const std::shared_ptr<const Known>& old)>;
  /// `epoch` counts up when something was changed on this host: everything read before is read again.
  KnownCache(Load load, std::chrono::milliseconds known_for, const std::atomic<std::uint64_t>& epoch)
      : load_(std::move(load)), known_for_(known_for), epoch_(epoch) {}

  /// Null: no such address. While one request reads an address again, the others use what is known.
  Result<std::shared_ptr<const Known>> find(runtime::Task& task, std::string_view id);
  /// Read again unless that happened less than `unless_younger` ago, and differs from `seen`; else null.
  Result<std::shared_ptr<const Known>> find_newer(runtime::Task& task, std::string_view id,
                                                  const std::shared_ptr<const Known>& seen,
                                                  std::chrono::milliseconds unless_younger);
  /// May another refused request of this address be written down?
  bool may_note_refusal(runtime::Task& task, std::string_view id);

 private:
  struct Entry {
    std::shared_ptr<const Known> known;  // null: there is none
    runtime::SteadyTime read_at{};
    std::uint64_t epoch{};
    bool loading{false};
    runtime::SteadyTime refusals_since{};
    std::size_t refusals_count{0};
    std::list<std::string>::iterator used;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  Result<std::shared_ptr<const Known>> read(runtime::Task& task, std::string_view id,
                                            const std::shared_ptr<const Known>& old);
  void keep(std::string_view id, std::shared_ptr<const Known> known, runtime::SteadyTime now, std::uint64_t epoch);

  Load load_;
  std::chrono::milliseconds known_for_;
  const std::atomic<std::uint64_t>& epoch_;
  Entries entries_;
  std::list<std::string> known_by_use_, unknown_by_use_;  // most recent first
};

}  // namespace tomada::webhook
