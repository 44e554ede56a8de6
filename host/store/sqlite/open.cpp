#include "host/store/sqlite/open.hpp"

#include "host/store/sqlite/schema.hpp"
#include "host/store/sqlite/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace tomada::store::sqlite {
namespace {

/// SQLite gives its log the mode of the file, so this covers all of them.
Result<void> create_private(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const bool done = descriptor >= 0 && fchmod(descriptor, 0600) == 0;
  const int code = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (done) return {};
  return fail(Errc::unavailable, "cannot open it: " + std::generic_category().message(code));
}

Result<std::unique_ptr<Connection>> open_writer(const Options& options) {
  TOMADA_TRY_ASSIGN(auto connection, Connection::open(options.file, {}));
  connection->execute("PRAGMA journal_size_limit=" + std::to_string(options.wal_bytes_max));
  if (options.pages_max > 0) connection->execute("PRAGMA max_page_count=" + std::to_string(options.pages_max));
  TOMADA_TRY(connection->take_result());
  TOMADA_TRY(check_file(*connection));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  TOMADA_TRY(migrate(*connection, std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
  return connection;
}

Result<SqliteStore::Connections> open_all(const Options& options) {
  SqliteStore::Connections connections;
  TOMADA_TRY(create_private(options.file));
  TOMADA_TRY_ASSIGN(connections.writer, open_writer(options));
  TOMADA_TRY_ASSIGN(connections.checkpoints, Connection::open(options.file, {}));
  TOMADA_ASSERT(options.readers_count > 0);
  for (std::size_t i = 0; i < options.readers_count; ++i) {
    TOMADA_TRY_ASSIGN(auto reader, Connection::open(options.file, {.access = Connection::Access::read}));
    connections.readers.push_back(std::move(reader));
  }
  return connections;
}

}  // namespace

SqliteStore::SqliteStore(FileLock lock, Connections connections, const Options& options)
    : lock_(std::move(lock)),
      checkpointer_(std::move(connections.checkpoints), options.wal_bytes_max),
      writer_(std::move(connections.writer), checkpointer_, options.write_queue_max),
      readers_(std::move(connections.readers), options.read_queue_max),
      database_(writer_, readers_),
      tenants_(make_tenants(database_)),
      integrations_(make_integrations(database_)),
      records_(make_records(database_)),
      syncs_(make_syncs(database_)),
      jobs_(make_jobs(database_)),
      values_(make_values(database_)),
      apps_(make_apps(database_)),
      webhooks_(make_webhooks(database_)),
      plugins_(make_plugins(database_)),
      limits_(make_limits(database_)),
      breakers_(make_breakers(database_)),
      events_(make_events(database_)),
      cache_entries_(make_cache_entries(database_)) {}

Result<void> SqliteStore::ping(runtime::Task& task) {
  return database_.read(task, [](Connection& connection) -> Result<void> {
    connection.run("SELECT 1 FROM schema_migrations");
    return {};
  });
}

Result<std::unique_ptr<Store>> open(const Options& options) {
  std::filesystem::path lock_file = options.file;
  lock_file += ".lock";
  TOMADA_TRY_ASSIGN(auto lock, FileLock::take(lock_file));
  auto connections = open_all(options);
  if (connections.has_error()) return std::move(connections).error().within(options.file.string());
  return std::unique_ptr<Store>(
      std::make_unique<SqliteStore>(std::move(lock), *std::move(connections), options));
}

}  // namespace tomada::store::sqlite
