// UUIDv7 as text: time-ordered, so that new rows land at the end of an index.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace tomada {

/// 36 characters, lower case. Strictly increasing within one process even inside one millisecond (RFC 9562, 6.2
/// method 1: a counter in rand_a). Thread-safe.
std::string make_uuid_v7(std::chrono::system_clock::time_point now);

/// True for the canonical 8-4-4-4-12 hex form.
bool is_uuid(std::string_view text);

}  // namespace tomada
