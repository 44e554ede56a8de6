// A file's bytes, whole.
#pragma once

#include "host/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace tomada::cage {

/// Blocks. False: errno says why.
bool write_whole(int descriptor, std::string_view bytes);

struct FileBytes {
  std::uint64_t count{};
  std::string sha256;  // hex
};

/// Hands the file's bytes to `take`, piece by piece; its error passes. Blocks on the disk. INVALID_DATA above `bytes_max` or
/// when it is no regular file; UNAVAILABLE when it cannot be read. A file that changes meanwhile gives a mix, which the
/// digest shows.
Result<FileBytes> read_file(const std::filesystem::path& file, std::uint64_t bytes_max,
                            const std::function<Result<void>(std::string_view piece)>& take);

}  // namespace tomada::cage
