#include "host/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace tomada {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "tomada: broken invariant at %s:%d: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace tomada
