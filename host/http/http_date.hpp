// Dates in HTTP headers.
#pragma once

#include "host/runtime/clock.hpp"

#include <optional>
#include <string_view>

namespace tomada::http {

/// An HTTP date in the form that RFC 9110 prefers ("Sun, 06 Nov 1994 08:49:37 GMT"), or nothing.
std::optional<runtime::WallTime> read_http_date(std::string_view text);

}  // namespace tomada::http
