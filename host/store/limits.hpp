// What integrations sent to their providers, counted in windows of time, and what the host learned about their limits.
#pragma once

#include "host/runtime/task.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

/// A kind of window, and how long one is kept after its start.
struct RateWindow {
  std::string_view type;
  std::int64_t kept_ms;
};
inline constexpr std::array<RateWindow, 3> k_rate_windows{
    {{"minute", 2 * 3'600'000LL}, {"hour", 2 * 86'400'000LL}, {"day", 31 * 86'400'000LL}}};
inline constexpr std::size_t k_learned_bytes_max = 64 * 1024;

/// One row of rate_limit_tracking: what an integration sent in one aligned window of UTC.
struct RateUse {
  std::string window_type;          // minute | hour | day
  std::int64_t window_start_ms{};   // aligned (column time_window)
  std::int64_t request_count{};
  std::int64_t quota_limit{};       // 0: none known
  std::optional<std::int64_t> quota_remaining;
  std::optional<std::int64_t> quota_reset_at_ms;
  std::int64_t last_request_at_ms{};
  bool operator==(const RateUse&) const = default;
};

struct RateState {
  std::vector<RateUse> uses;  // by window_type, then by start
  std::string learned_json;   // empty: none
};

class Limits {
 public:
  virtual ~Limits() = default;
  /// One transaction. Adds request_count to the row of (config_id, window_start, window_type), made when absent, and
  /// replaces its other columns (last_request_at: the later one). learned_json, unless empty, replaces what was kept. Then the
  /// integration's windows go that are older than k_rate_windows says, counted back from now_ms.
  /// NOT_FOUND: no such integration of this tenant. INVALID_DATA: no such type of window, or over k_learned_bytes_max.
  virtual Result<void> save(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                            std::span<const RateUse> uses, std::string_view learned_json, std::int64_t now_ms) = 0;
  /// Nothing where there is no such integration.
  virtual Result<RateState> load(runtime::Task& task, std::string_view tenant_id, std::string_view config_id) = 0;
};

}  // namespace tomada::store
