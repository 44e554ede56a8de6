// Debian's Boost.Context is built for its assembly switch only and leaves out the two definitions that the ucontext
// switch needs (libs/context/src/fiber.cpp has them). The sanitizer presets use ucontext, so they stand here.
#if defined(BOOST_USE_UCONTEXT)
#include <boost/context/fiber.hpp>

namespace boost::context::detail {

namespace {
thread_local fiber_activation_record* g_current = nullptr;
thread_local unsigned g_counter = 0;
}  // namespace

fiber_activation_record*& fiber_activation_record::current() noexcept {
  thread_local fiber_activation_record_initializer initializer;  // the first use on a thread makes its record
  return g_current;
}

fiber_activation_record_initializer::fiber_activation_record_initializer() noexcept {
  if (g_counter++ == 0) g_current = new fiber_activation_record();
}

fiber_activation_record_initializer::~fiber_activation_record_initializer() {
  if (--g_counter == 0) {
    delete g_current;
    g_current = nullptr;
  }
}

}  // namespace boost::context::detail
#endif
