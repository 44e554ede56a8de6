// Where this program is, to find what is installed with it.
#pragma once

#include <filesystem>
#include <system_error>

namespace tomada {

/// Empty: the system does not say.
inline std::filesystem::path this_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored);
}

}  // namespace tomada
