// The master key's file: 32 random bytes as 64 hex digits, readable by its owner only.
#pragma once

#include "host/credentials/cipher.hpp"

#include <filesystem>
#include <memory>

namespace tomada::credentials {

/// Reads the file or, when it is not there and `create`, makes it: complete or not at all, and on disk before it is used.
/// UNAVAILABLE in words for the operator.
Result<std::shared_ptr<const Key>> open_master_key(const std::filesystem::path& file, bool create);

}  // namespace tomada::credentials
