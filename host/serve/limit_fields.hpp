// What a client may say about an integration's calls: the field "limits" of its body and of its view.
#pragma once

#include "host/serve/input.hpp"
#include "host/store/integrations.hpp"

#include <nlohmann/json.hpp>

namespace tomada::serve {

/// The whole object: what it leaves out is said by nobody. 422: a field that is not known, or out of its range.
Outcome<store::CallLimits> read_limits(const nlohmann::json& given);

/// Each field, null where the integration says nothing.
nlohmann::ordered_json limits_view(const store::CallLimits& limits);

}  // namespace tomada::serve
