// With -static-libstdc++ this carries a C++ runtime of its own; loaded, its entry throws.
#include <tomada/plugin.h>

#include <stdexcept>

extern "C" tomada_status tomada_plugin_entry_v1(const tomada_host*, tomada_plugin*) {
  throw std::runtime_error("planted in the entry");
}
