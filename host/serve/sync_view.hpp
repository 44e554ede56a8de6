// A sync as the API shows it. Private to serve/.
#pragma once

#include "host/store/syncs.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>

namespace tomada::serve {

/// The whole row, times as text.
nlohmann::ordered_json sync_view(const store::Sync& sync);
/// {current, total, percentage}; null where it is not known.
nlohmann::ordered_json progress_view(const std::optional<store::Sync>& sync);
/// When the run will end if it goes on as it has; nothing while the total is not known or nothing has come.
std::optional<std::int64_t> eta_ms(const std::optional<store::Sync>& sync, std::int64_t now_ms);

}  // namespace tomada::serve
