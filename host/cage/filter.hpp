// The lists of system calls that a worker may use.
#pragma once

#include "host/base/result.hpp"

namespace tomada::cage {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool k_sanitizer = true;
#else
inline constexpr bool k_sanitizer = false;
#endif

enum class Phase : bool { load, run };
enum class Threads : bool { no, yes };

/// Installs the list for all threads of this process. What is not on it fails with EPERM. A later, shorter list narrows.
Result<void> install_filter(Phase phase, Threads threads);

}  // namespace tomada::cage
