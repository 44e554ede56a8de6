// All breakers of the host, by integration and host; every change is kept and becomes an event.
#pragma once

#include "host/breaker/breaker.hpp"
#include "host/runtime/task.hpp"
#include "host/store/breakers.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::breaker {

/// What the breakers of one integration share. Thread-safe.
class Circuit {
 public:
  Circuit(store::Breakers& store, const runtime::Clock& clock, std::string tenant_id, std::string config_id)
      : store_(store), clock_(clock), tenant_id_(std::move(tenant_id)), config_id_(std::move(config_id)) {}

  struct Pass {
    std::string host;
    Breaker::Pass pass;
  };
  /// UNAVAILABLE with `retry_after`: the circuit to this host is open. A change to half open is written before it returns.
  Result<Pass> admit(runtime::Task& task, const Policy& policy, std::string_view host);
  /// Writes a change down, with its event; a store that cannot take it is logged and does not fail the request.
  void done(runtime::Task& task, const Policy& policy, const Pass& pass, Outcome outcome);
  /// For a request that ended without anybody waiting for it.
  void abandon(const Pass& pass);

  [[nodiscard]] std::vector<store::BreakerStatus> status() const;

 private:
  friend class Breakers;
  struct Entry {
    Breaker breaker;
    std::uint64_t version{0};  // of the state in memory
    bool is_writing{false};
  };
  [[nodiscard]] store::BreakerStatus status_of(const std::string& host, const Breaker& breaker) const;
  Entry& entry_of(const std::string& host);
  void write(runtime::Task& task, const std::string& host);
  void restore(const std::vector<store::BreakerStatus>& kept);

  store::Breakers& store_;
  const runtime::Clock& clock_;
  const std::string tenant_id_;
  const std::string config_id_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

/// Thread-safe. `store` and `clock` are borrowed.
class Breakers {
 public:
  Breakers(store::Breakers& store, const runtime::Clock& clock) : store_(store), clock_(clock) {}

  /// The integration's breakers, read from the store the first time.
  Result<std::shared_ptr<Circuit>> of(runtime::Task& task, std::string_view tenant_id, std::string_view config_id);

 private:
  static constexpr std::size_t k_circuits_max = 100'000;

  store::Breakers& store_;
  const runtime::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Circuit>, std::less<>> circuits_;
};

}  // namespace tomada::breaker
