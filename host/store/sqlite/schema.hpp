// The tables and how they come to be: numbered scripts, each applied once in its own transaction.
#pragma once

#include "host/base/result.hpp"
#include "host/store/sqlite/connection.hpp"

#include <cstdint>

namespace tomada::store::sqlite {

/// In the file's header: says that it is ours ("TOMA").
inline constexpr std::int64_t k_application_id = 0x544f4d41;

/// INVALID_DATA with the first finding when the file is damaged, not ours, or of a newer version.
Result<void> check_file(Connection& connection);

/// Applies what is missing; UNAVAILABLE when the disk is full, and then nothing of that script is in effect.
Result<void> migrate(Connection& connection, std::int64_t now_ms);

}  // namespace tomada::store::sqlite
