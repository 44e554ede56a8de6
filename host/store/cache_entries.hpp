// The cache's third level: what may be fetched again, but is better kept over a restart and shared between hosts.
#pragma once

#include "host/runtime/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tomada::store {

inline constexpr std::size_t k_cache_key_bytes_max = 512;
inline constexpr std::size_t k_cache_value_bytes_max = 1024 * 1024;
inline constexpr std::size_t k_cache_bytes_max = 64 * 1024 * 1024;  // of one integration
inline constexpr std::size_t k_cache_entry_bytes = 128;             // that an entry counts beside its key and value
inline constexpr std::size_t k_cache_slack_bytes = k_cache_bytes_max / 64;  // freed at once when it is full

struct CacheEntry {
  std::string value;
  std::int64_t expires_at_ms{};
  bool operator==(const CacheEntry&) const = default;
};

/// Unlike the rest of the store, entries may be gone after a crash of a database server.
class CacheEntries {
 public:
  virtual ~CacheEntries() = default;
  /// Also one that expired and is still there; the caller judges.
  virtual Result<std::optional<CacheEntry>> get(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                                std::string_view key) = 0;
  /// Over k_cache_bytes_max the integration's entries that expire first go, never the one that is put.
  /// NOT_FOUND: no such integration. INVALID_DATA: a key or a value over its limit.
  virtual Result<void> put(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                           std::string_view key, const CacheEntry& entry) = 0;
  /// Nothing happens when there is none. NOT_FOUND: no such integration.
  virtual Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                              std::string_view key) = 0;
  /// For the host itself, all tenants: up to `limit` entries with expires_at_ms <= now_ms; returns how many went: call again
  /// while it is `limit`.
  virtual Result<std::size_t> remove_expired(runtime::Task& task, std::int64_t now_ms, std::size_t limit) = 0;
};

}  // namespace tomada::store
