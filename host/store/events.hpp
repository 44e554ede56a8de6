// What happened, for whoever follows it: an event feed of each tenant.
#pragma once

#include "host/runtime/task.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

inline constexpr std::size_t k_events_max = 100'000;  // of one tenant; the oldest go
inline constexpr std::size_t k_event_data_bytes_max = 64 * 1024;

/// Something that happened, numbered per tenant without gaps in the order of commits, so a reader that remembers the last
/// sequence misses nothing (table events).
struct Event {
  std::int64_t sequence{};  // given by the store
  std::string tenant_id;
  std::string config_id;  // empty: none; the event outlives the integration
  std::string type;       // "circuit_breaker.opened"
  std::string data_json;
  std::int64_t created_at_ms{};
  bool operator==(const Event&) const = default;
};

class Events {
 public:
  virtual ~Events() = default;
  /// The sequence that it got. NOT_FOUND: no such tenant. INVALID_DATA: over k_event_data_bytes_max.
  virtual Result<std::int64_t> append(runtime::Task& task, const Event& event) = 0;
  /// Ascending. When the first one is not after_sequence + 1, those between went (k_events_max).
  virtual Result<std::vector<Event>> list(runtime::Task& task, std::string_view tenant_id, std::int64_t after_sequence,
                                          std::size_t limit) = 0;
};

}  // namespace tomada::store
