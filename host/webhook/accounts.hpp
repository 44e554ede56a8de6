// Which integrations have an account of an app, remembered for a while on each loop.
#pragma once

#include "host/runtime/clock.hpp"
#include "host/store/apps.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tomada::webhook {

/// Of each loop; beyond it all are forgotten and read again.
inline constexpr std::size_t k_accounts_max = 4'096;

/// Loop thread only.
class Accounts {
 public:
  using Integrations = std::shared_ptr<const std::vector<store::Integration>>;

  Accounts(store::Apps& apps, std::chrono::milliseconds known_for, const std::atomic<std::uint64_t>& epoch)
      : apps_(apps), known_for_(known_for), epoch_(epoch) {}

  /// Never null. Of a tenant's own app only that tenant's integrations.
  Result<Integrations> find(runtime::Task& task, const store::App& app, std::string_view account_id) {
    std::string key = app.app_id + "\n" + std::string(account_id);
    const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);
    if (const auto found = entries_.find(key); found != entries_.end()) {
      const Entry& entry = found->second;
      if (entry.epoch == epoch && task.clock().steady() - entry.read_at < known_for_) return entry.integrations;
    }
    TOMADA_TRY_ASSIGN(auto rows, apps_.integrations(task, app.app_id, account_id));
    if (!app.is_shared) std::erase_if(rows, [&](const auto& row) { return row.tenant_id != app.tenant_id; });
    if (entries_.size() >= k_accounts_max) entries_.clear();
    auto integrations = std::make_shared<const std::vector<store::Integration>>(std::move(rows));
    entries_.insert_or_assign(std::move(key), Entry{integrations, task.clock().steady(), epoch});
    return Integrations(std::move(integrations));
  }

 private:
  struct Entry {
    Integrations integrations;  // shared with the requests that use them
    runtime::SteadyTime read_at{};
    std::uint64_t epoch{};
  };
  store::Apps& apps_;
  std::chrono::milliseconds known_for_;
  const std::atomic<std::uint64_t>& epoch_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace tomada::webhook
