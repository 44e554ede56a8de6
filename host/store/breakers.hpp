// Circuit breakers, as they were last, so that a restart does not forget which host is down.
#pragma once

#include "host/store/events.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

inline constexpr std::size_t k_breaker_hosts_max = 256;  // of one integration
inline constexpr std::size_t k_breaker_host_bytes_max = 512;

/// One circuit breaker (table circuit_breaker_status): of one integration and one host.
struct BreakerStatus {
  std::string tenant_id;
  std::string config_id;
  std::string host;
  std::string current_state{"closed"};  // closed | open | half_open
  std::int64_t failure_count{};
  std::int64_t success_count{};
  std::int64_t consecutive_failures{};
  std::int64_t consecutive_successes{};
  std::optional<std::int64_t> last_failure_at_ms;
  std::optional<std::int64_t> last_success_at_ms;
  std::optional<std::int64_t> next_attempt_at_ms;
  std::int64_t state_changed_at_ms{};
  bool operator==(const BreakerStatus&) const = default;
};

class Breakers {
 public:
  virtual ~Breakers() = default;
  /// Inserts or replaces the row of (config_id, host). With `event`, appends that in the same transaction, as one of the
  /// status's tenant. At most k_breaker_hosts_max rows for one integration: the oldest closed ones go, then the oldest of all,
  /// by their last change of state; never the one that is saved.
  /// NOT_FOUND: no such integration. INVALID_DATA: no such state, or a limit of this or of events.hpp.
  virtual Result<void> save(runtime::Task& task, const BreakerStatus& status, const Event* event) = 0;
  /// By host.
  virtual Result<std::vector<BreakerStatus>> list(runtime::Task& task, std::string_view tenant_id,
                                                  std::string_view config_id) = 0;
};

}  // namespace tomada::store
