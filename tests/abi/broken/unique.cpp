// An inline variable with default visibility becomes STB_GNU_UNIQUE: one for the whole process.
#include <tomada/plugin.h>

struct __attribute__((visibility("default"))) Counter {
  static inline int value = 0;
};
template <class T>
struct __attribute__((visibility("default"))) Holder {
  static int& get() {
    static int value = 0;
    return value;
  }
};

extern "C" tomada_status tomada_plugin_entry_v1(const tomada_host*, tomada_plugin*) {
  return ++Counter::value + ++Holder<int>::get() > 0 ? TOMADA_E_UNSUPPORTED : TOMADA_OK;
}
