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

/// Hosts hold this advisory lock together, a copy (store/copy/) alone. Any number that no other program on the database
/// takes: one more than that of the migrations.
inline constexpr std::int64_t k_occupancy_lock = 127970253530210;

/// Of its last migration: how far a copy is. A row for each table, and '' for the whole, with the file's name for people and what
/// it was like; empty when there was no copy.
inline constexpr const char* k_store_copy = R"sql(
CREATE TABLE integrations.store_copy (
  table_name text PRIMARY KEY,
  state text NOT NULL,  -- copying | copied | complete (verified)
  rows bigint NOT NULL DEFAULT 0,
  last_key text[],  -- of the last row that is here
  sha256 text NOT NULL DEFAULT '',
  source text NOT NULL DEFAULT '',
  fingerprint text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL DEFAULT now()
)
)sql";

/// Applies what is missing, one host at a time (an advisory lock), each migration in a transaction of its own.
Result<void> migrate(Connection& connection);

}  // namespace tomada::store::postgres
