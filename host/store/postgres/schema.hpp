// The schema `integrations` and its migrations.
#pragma once

#include "host/store/postgres/connection.hpp"

#include <cstdint>
#include <span>

namespace tomada::store::postgres {

struct Migration {
  std::int64_t version;
  const char* name;
  const char* script;
};
/// In order; a released one never changes.
std::span<const Migration> migrations();

/// Applies what is missing, one host at a time (an advisory lock), each migration in a transaction of its own.
Result<void> migrate(Connection& connection);

}  // namespace tomada::store::postgres
