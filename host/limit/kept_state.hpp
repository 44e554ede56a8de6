// What of a budget outlives the process: rows of rate_limit_tracking and what was learned, both ways.
#pragma once

#include "host/limit/budget.hpp"
#include "host/runtime/clock.hpp"
#include "host/store/limits.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tomada::limit {

/// The rows for `count` requests that were sent lately: of the minute, the hour and the day of `now_ms`. Their quota is that
/// of the account's limit of the same length, where there is one.
std::vector<store::RateUse> uses_of(Budget& budget, const runtime::Clock& clock, std::int64_t count, std::int64_t last_request_at_ms);

/// Told and hidden limits as JSON; empty when nothing was learned.
std::string learned_of(Budget& budget, const runtime::Clock& clock);

/// Counts and limits as they were; what is damaged or too old is left out.
void restore(Budget& budget, const runtime::Clock& clock, const store::RateState& state);

}  // namespace tomada::limit
