// The configuration file: whatever is in it, the answer is settings or a sentence.
#include "host/settings/load.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const int file = ::memfd_create("config", 0);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  tomada::settings::Sources sources;
  sources.config_file = "/proc/self/fd/" + std::to_string(file);
  const auto loaded = tomada::settings::load(sources);
  if (loaded.has_error() && loaded.error().message.empty()) std::abort();
  if (loaded.has_value() && loaded->settings.data_dir.empty()) std::abort();
  return 0;
}
