// The manifest's section "limits": what is known of a provider's limits.
#pragma once

#include "host/abi/limits.hpp"
#include "host/abi/manifest_reader.hpp"

#include <nlohmann/json.hpp>

namespace tomada::abi {

/// Of the whole document; without the section: one pool without limits. What is wrong is kept by the reader.
Limits read_limits(Reader& reader, const nlohmann::json& document);

}  // namespace tomada::abi
