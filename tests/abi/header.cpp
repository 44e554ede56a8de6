// Compiles the header as C++17 and C++20.
#include <tomada/plugin.h>

extern "C" uint32_t tomada_header_in_cpp() { return sizeof(tomada_plugin); }
