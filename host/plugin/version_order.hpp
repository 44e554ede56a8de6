// Which of two versions is the newer one.
#pragma once

#include <string_view>

namespace tomada::plugin {

/// By the rules of semantic versioning 2.0.0, section 11: below 0, 0, or above 0. Build metadata does not count.
int compare_versions(std::string_view left, std::string_view right);

}  // namespace tomada::plugin
