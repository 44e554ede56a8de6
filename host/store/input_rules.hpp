// What the small parts refuse before they ask the database: the same for every engine.
#pragma once

#include "host/store/breakers.hpp"
#include "host/store/cache_entries.hpp"
#include "host/store/limits.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace tomada::store {

inline Result<void> check_size(std::string_view what, std::size_t size, std::size_t size_max) {
  if (size <= size_max) return {};
  return fail(Errc::invalid_data, std::string(what) + " has at most " + std::to_string(size_max) + " bytes");
}

inline Result<void> check_event(const Event& event) {
  return check_size("an event's data", event.data_json.size(), k_event_data_bytes_max);
}

inline Result<void> check_status(const BreakerStatus& status, const Event* event) {
  if (status.current_state != "closed" && status.current_state != "open" && status.current_state != "half_open")
    return fail(Errc::invalid_data, "a circuit breaker is closed, open or half_open");
  TOMADA_TRY(check_size("a circuit breaker's host", status.host.size(), k_breaker_host_bytes_max));
  if (event != nullptr) TOMADA_TRY(check_event(*event));
  return {};
}

inline Result<void> check_uses(std::span<const RateUse> uses, std::string_view learned_json) {
  for (const RateUse& use : uses)
    if (std::none_of(k_rate_windows.begin(), k_rate_windows.end(),
                     [&](const RateWindow& window) { return window.type == use.window_type; }))
      return fail(Errc::invalid_data, "a window is a minute, an hour or a day");
  return check_size("what is learned about limits", learned_json.size(), k_learned_bytes_max);
}

inline Result<void> check_entry(std::string_view key, std::string_view value) {
  TOMADA_TRY(check_size("a key", key.size(), k_cache_key_bytes_max));
  return check_size("a value", value.size(), k_cache_value_bytes_max);
}

/// What an entry counts of k_cache_bytes_max.
inline std::int64_t cache_bytes(std::string_view key, std::string_view value) {
  return static_cast<std::int64_t>(key.size() + value.size() + k_cache_entry_bytes);
}

}  // namespace tomada::store
