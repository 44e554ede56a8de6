// Who goes first when there is not room for all; see Queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tomada::limit {

enum class Lane : std::uint8_t { interactive, webhook, incremental, backfill };
inline constexpr std::size_t k_lanes_count = 4;

constexpr std::string_view to_string(Lane lane) {
  switch (lane) {
    case Lane::interactive: return "interactive";
    case Lane::webhook: return "webhook";
    case Lane::incremental: return "incremental";
    case Lane::backfill: break;
  }
  return "backfill";
}

}  // namespace tomada::limit
