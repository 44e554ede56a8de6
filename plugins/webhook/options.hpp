// Mistakes in a configuration that no JSON Schema sees. The host itself reads the fields: it verifies, not the plugin.
#pragma once

#include <string_view>

namespace webhook {

/// Throws a Failure (INVALID_CONFIG) that names the field.
void check_config(std::string_view config_json);

}  // namespace webhook
