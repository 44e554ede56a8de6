// libstdc++ keeps "which exceptions are being handled" per thread, not per coroutine. A coroutine that suspends inside
// a catch block would hand its state to the next one, so each suspension takes it along.
#pragma once

namespace tomada::runtime {

struct ExceptionState {
  void* caught{};
  unsigned uncaught{};
};

/// Takes the thread's state away and leaves none. Not inlined: the compiler would keep the address over the switch.
[[gnu::noinline]] ExceptionState take_exception_state() noexcept;
[[gnu::noinline]] void put_exception_state(const ExceptionState& state) noexcept;

}  // namespace tomada::runtime
