#include "host/store/open.hpp"

#include "host/store/postgres/address.hpp"
#include "host/store/postgres/open.hpp"
#include "host/store/sqlite/open.hpp"

namespace tomada::store {
namespace {
constexpr std::string_view k_sqlite = "sqlite:";
}

std::optional<std::filesystem::path> sqlite_file(const std::string& url, const std::filesystem::path& data_dir) {
  if (url.empty()) return data_dir / "tomada.db";
  if (url.starts_with(k_sqlite) && url.size() > k_sqlite.size()) return url.substr(k_sqlite.size());
  return std::nullopt;
}

Result<std::unique_ptr<Store>> open(const Options& options) {
  if (const auto file = sqlite_file(options.url, options.data_dir))
    return sqlite::open({.file = *file, .readers_count = options.readers_count, .wal_bytes_max = options.wal_bytes_max});
  if (postgres::is_postgres_url(options.url))
    return postgres::open({.url = options.url, .connections_max = options.connections_max});
  // Not repeated: it may hold a password.
  return fail(Errc::invalid_config,
              "store.url: must be postgres://USER@HOST:PORT/DATABASE, sqlite:FILE, or empty for the file tomada.db in the "
              "data directory");
}

}  // namespace tomada::store
