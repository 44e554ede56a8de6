// A small durable map for each integration: what a plugin's storage service keeps.
#pragma once

#include "host/runtime/task.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tomada::store {

inline constexpr std::size_t k_value_key_bytes_max = 512;
inline constexpr std::size_t k_value_bytes_max = 256 * 1024;
inline constexpr std::size_t k_values_count_max = 10'000;

class Values {
 public:
  virtual ~Values() = default;
  virtual Result<std::optional<std::string>> get(runtime::Task& task, std::string_view tenant_id,
                                                 std::string_view config_id, std::string_view key) = 0;
  /// INVALID_DATA: over one of the limits above.
  virtual Result<void> put(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                           std::string_view key, std::string_view value) = 0;
  virtual Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                              std::string_view key) = 0;
};

}  // namespace tomada::store
