#include "host/runtime/exception_state.hpp"

#include <cxxabi.h>

namespace tomada::runtime {
namespace {

// The Itanium C++ ABI, section 2.2.2; the type is declared but not defined in <cxxabi.h>.
struct Globals {
  void* caught;
  unsigned uncaught;
};

Globals* globals() noexcept {
  asm volatile("" ::: "memory");
  return reinterpret_cast<Globals*>(abi::__cxa_get_globals());
}

}  // namespace

ExceptionState take_exception_state() noexcept {
  Globals* now = globals();
  const ExceptionState state{now->caught, now->uncaught};
  now->caught = nullptr;
  now->uncaught = 0;
  return state;
}

void put_exception_state(const ExceptionState& state) noexcept {
  Globals* now = globals();
  now->caught = state.caught;
  now->uncaught = state.uncaught;
}

}  // namespace tomada::runtime
