#include "host/store/sqlite/writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace tomada::store::sqlite {

Writer::Writer(std::unique_ptr<Connection> connection, Checkpointer& checkpointer, std::size_t waiting_max)
    : checkpointer_(checkpointer), connection_(std::move(connection)), queue_(waiting_max) {
  sqlite3_wal_hook(
      connection_->handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Writer*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  thread_ = std::thread([this] { work(); });
  pthread_setname_np(thread_.native_handle(), "store-writer");
}

Writer::~Writer() {
  queue_.close();
  thread_.join();
  checkpointer_.empty_log(*connection_);
}

void Writer::work() {
  std::vector<Work*> taken;
  while (queue_.take(taken, k_group_writes_max)) {
    for (std::size_t done = 0; done < taken.size();) {
      const std::size_t next = run_group(taken, done);
      wake_all<Work>(std::span(taken).subspan(done, next - done));
      done = next;
      checkpointer_.committed(wal_pages_);
      checkpointer_.bound_log(*connection_, wal_pages_);
    }
  }
}

/// Runs and commits writes from `first` on; returns the index of the first one that is left for the next group.
std::size_t Writer::run_group(const std::vector<Work*>& group, std::size_t first) {
  Connection& connection = *connection_;
  const std::int64_t changes_before = connection.changes_total();
  std::size_t end = first;
  std::size_t succeeded = 0;

  connection.run("BEGIN IMMEDIATE");
  auto error = connection.take_error();
  if (!error) {
    do {
      if (run_one(*group[end++])) ++succeeded;
      if (!connection.in_transaction())
        error = fail(Errc::unavailable, "the disk of the database is full or fails; nothing was written");
    } while (!error && end < group.size() && connection.changes_total() - changes_before < k_group_rows_max);
    if (!error) {
      // Nothing succeeded: there is nothing to make durable.
      if (succeeded > 0) connection.before_commit();
      succeeded > 0 ? connection.run("COMMIT") : connection.run("ROLLBACK");
      error = connection.take_error();
    }
  } else {
    end = group.size();
  }
  groups_count_.fetch_add(1, std::memory_order_relaxed);
  if (error && connection.in_transaction()) {
    connection.run("ROLLBACK");
    (void)connection.take_error();
  }
  connection.ended(!error && succeeded > 0);
  if (!error) return end;

  for (std::size_t i = first; i < end; ++i) group[i]->fail_with(*error);
  return end;
}

bool Writer::run_one(Work& work) { return work.terms().is_whole ? run_whole(work) : run_in_savepoint(work); }

bool Writer::run_whole(Work& work) {
  const std::int64_t changes_before = connection_->changes_total();
  work.run(*connection_);
  if (!work.failed()) return true;
  if (connection_->in_transaction() && connection_->changes_total() != changes_before) {
    connection_->run("ROLLBACK");
    (void)connection_->take_error();
  }
  return false;
}

bool Writer::run_in_savepoint(Work& work) {
  Connection& connection = *connection_;
  connection.run("SAVEPOINT one");
  if (auto error = connection.take_error()) {
    work.fail_with(*error);
    return false;
  }
  work.run(connection);
  const bool failed = work.failed();
  if (!connection.in_transaction()) return false;
  if (failed) connection.run("ROLLBACK TO one");
  connection.run("RELEASE one");
  if (auto error = connection.take_error()) {
    // Neither kept nor undone for certain: the whole group must go.
    work.fail_with(*error);
    connection.run("ROLLBACK");
    (void)connection.take_error();
    return false;
  }
  return !failed;
}

}  // namespace tomada::store::sqlite
