// A file's bytes where nobody can change them: what a worker loads instead of a path.
#pragma once

#include "host/base/result.hpp"
#include "host/cage/descriptor.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace tomada::cage {

struct SealedFile {
  /// An anonymous file, close-on-exec, that can neither be written, resized nor executed by name; dlopen through
  /// /proc/self/fd works, also under Landlock.
  Descriptor descriptor;
  std::uint64_t bytes{};
  std::string sha256;  // of the copied bytes, hex
};

/// Copies `file` into memory. Blocks on the disk. INVALID_DATA above `bytes_max` or when it is no regular file;
/// UNAVAILABLE when it cannot be read or the kernel gives no memory. A file that changes meanwhile gives a mix, which the
/// digest shows.
Result<SealedFile> sealed_copy(const std::filesystem::path& file, std::uint64_t bytes_max);

}  // namespace tomada::cage
