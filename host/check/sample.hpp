// Configuration and credentials that a plugin's own schemas take, for a check without real ones.
#pragma once

#include "host/base/result.hpp"

#include <nlohmann/json.hpp>

namespace tomada::check {

/// An object with the required properties. Each credential has a text that is found nowhere else, so that it can be looked for.
/// INVALID_CONFIG names a property for which no value was found.
Result<nlohmann::json> sample_of(const nlohmann::json& schema, std::string_view what);

}  // namespace tomada::check
