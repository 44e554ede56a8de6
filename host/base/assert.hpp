// Assertions that stay on in release: a broken invariant ends the process before it harms data.
#pragma once

namespace tomada {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;
}

#define TOMADA_ASSERT(condition) \
  (static_cast<bool>(condition) ? void(0) : ::tomada::assertion_failed(#condition, __FILE__, __LINE__))
