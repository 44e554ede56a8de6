// A plugin file from anybody, as far as it is read before any of it runs.
#include "host/abi/inspect.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::span<const char> bytes(reinterpret_cast<const char*>(data), size);
  const auto inspection = tomada::abi::inspect_image(bytes);
  if (inspection.size_bytes != size) std::abort();
  if (!inspection.has_manifest && inspection.refusals.empty()) std::abort();
  (void)tomada::abi::parse_manifest(std::string_view(bytes.data(), bytes.size()));
  return 0;
}
