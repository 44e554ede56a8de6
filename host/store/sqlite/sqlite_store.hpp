// The store of one SQLite file: its threads and its parts, in the order in which they need each other.
#pragma once

#include "host/store/sqlite/checkpointer.hpp"
#include "host/store/sqlite/database.hpp"
#include "host/store/sqlite/file_lock.hpp"
#include "host/store/sqlite/open.hpp"
#include "host/store/sqlite/parts.hpp"
#include "host/store/sqlite/readers.hpp"
#include "host/store/sqlite/writer.hpp"

namespace tomada::store::sqlite {

/// Destroyed when no task uses it any more: readers end first, then the checkpoint thread's last user, the writer.
class SqliteStore final : public Store {
 public:
  struct Connections {
    std::unique_ptr<Connection> writer;
    std::unique_ptr<Connection> checkpoints;
    std::vector<std::unique_ptr<Connection>> readers;
  };
  SqliteStore(FileLock lock, Connections connections, const Options& options);

  Tenants& tenants() override { return *tenants_; }
  Integrations& integrations() override { return *integrations_; }
  Records& records() override { return *records_; }
  Syncs& syncs() override { return *syncs_; }
  Jobs& jobs() override { return *jobs_; }
  Values& values() override { return *values_; }
  Apps& apps() override { return *apps_; }
  Webhooks& webhooks() override { return *webhooks_; }
  Plugins& plugins() override { return *plugins_; }
  Limits& limits() override { return *limits_; }
  Breakers& breakers() override { return *breakers_; }
  Events& events() override { return *events_; }
  CacheEntries& cache_entries() override { return *cache_entries_; }
  Result<void> ping(runtime::Task& task) override;

  /// Transactions so far; many writes share one.
  [[nodiscard]] std::uint64_t groups_count() const { return writer_.groups_count(); }

 private:
  FileLock lock_;
  Checkpointer checkpointer_;
  Writer writer_;
  Readers readers_;
  Database database_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<Integrations> integrations_;
  std::unique_ptr<Records> records_;
  std::unique_ptr<Syncs> syncs_;
  std::unique_ptr<Jobs> jobs_;
  std::unique_ptr<Values> values_;
  std::unique_ptr<Apps> apps_;
  std::unique_ptr<Webhooks> webhooks_;
  std::unique_ptr<Plugins> plugins_;
  std::unique_ptr<Limits> limits_;
  std::unique_ptr<Breakers> breakers_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<CacheEntries> cache_entries_;
};

}  // namespace tomada::store::sqlite
