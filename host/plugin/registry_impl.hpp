// What registry.cpp and registry_choices.cpp share. Private to plugin/.
#pragma once

#include "host/plugin/gate.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/blocking_pool.hpp"

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tomada::plugin {

inline constexpr std::size_t k_hosts_told_max = 20;  // in a line of the log or an error

struct Registry::Impl {
  Impl(Directory looked_at) : directory(std::move(looked_at)) {}

  // What the registry knows.
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const {
    const std::lock_guard lock(mutex);
    return now;
  }
  void publish();
  /// `before`: what was chosen before a change.
  Result<void> reload(runtime::Task& task, const std::vector<store::PluginChoice>& before = {});
  Result<void> adopt(runtime::Task& task, const std::vector<store::PluginChoice>& before);
  void tell(const Snapshot& before, const Snapshot& after);

  // What the directory holds.
  Result<void> admit(runtime::Task& task, std::vector<Found> found, bool is_start);
  using ByPlugin = std::map<std::string, std::vector<Found*>>;
  ByPlugin sort_out(std::vector<Found>& found, bool is_start);
  Result<void> probe(runtime::Task& task, ByPlugin& fresh);
  Result<void> recall(runtime::Task& task, const std::vector<Found>& found);
  void note(const Found& found);
  Result<void> take_over(runtime::Task& task, const std::string& id, const std::vector<Found*>& newest_first);
  void refuse(Found& found, abi::Refusal refusal);
  void tell(const Found& found);
  void follow(runtime::Task& task, Registry& registry);

  Directory directory;
  runtime::BlockingPool pool{{.threads_count = 1}};
  std::optional<Surroundings> around;  // since remember()
  std::vector<Found> first_look;       // until remember()
  bool is_stale{false};                // the last admit() did not come to its end
  std::size_t trust_changes_seen{0};
  Gate gate;                           // for changes of `facts`, each together with the store's
  Facts facts;
  mutable std::mutex mutex;
  std::shared_ptr<const Snapshot> now;  // mutex; shared with whoever asked
};

}  // namespace tomada::plugin
