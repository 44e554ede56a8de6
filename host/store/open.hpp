// The store that the settings name.
#pragma once

#include "host/store/store.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace tomada::store {

struct Options {
  std::string url;                 // postgres://…, sqlite:FILE, or empty: tomada.db in data_dir
  std::filesystem::path data_dir;
  std::size_t connections_max{10};  // PostgreSQL
  std::size_t readers_count{2};     // SQLite
  std::size_t wal_bytes_max{256 * 1024 * 1024};  // SQLite
};

/// INVALID_CONFIG: the URL is none of the above. Otherwise as sqlite::open and postgres::open.
Result<std::unique_ptr<Store>> open(const Options& options);

/// The file of sqlite:FILE, or of an empty URL. nullopt: it is not of SQLite.
std::optional<std::filesystem::path> sqlite_file(const std::string& url, const std::filesystem::path& data_dir);

}  // namespace tomada::store
