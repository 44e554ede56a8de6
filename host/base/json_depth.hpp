// Nesting that a recursive JSON library can bear on any of our stacks.
#pragma once

#include <cstddef>
#include <string_view>

namespace tomada {

inline constexpr std::size_t k_json_depth_max = 64;

/// Of the text, before anything parses it.
constexpr bool is_json_depth_fine(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > k_json_depth_max) return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

}  // namespace tomada
