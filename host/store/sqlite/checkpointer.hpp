// Moves the write-ahead log into the database file, beside the writer and not in its way.
#pragma once

#include "host/store/sqlite/connection.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

namespace tomada::store::sqlite {

inline constexpr std::int64_t k_page_bytes = 4096;
inline constexpr std::chrono::milliseconds k_checkpoint_idle{250};

/* A thread with a connection of its own. It copies (PASSIVE) when no commit came for a while, or when the log grew by
 * a quarter of its bound. Under a busy writer that alone never empties the log, because new pages keep coming; above
 * the bound the writer itself calls restart_log() between two groups, when little is left to copy. */
class Checkpointer {
 public:
  Checkpointer(std::unique_ptr<Connection> connection, std::size_t wal_bytes_max);
  ~Checkpointer();

  /// Writer thread, after each commit.
  void committed(std::int64_t wal_pages);
  /// Writer thread, outside a transaction: above the bound, copies the rest and makes the next commit start the log
  /// from its beginning. Waits for readers at most for the connection's busy timeout.
  void bound_log(Connection& writer, std::int64_t wal_pages);
  /// At the end: the whole log into the file.
  void empty_log(Connection& writer);

 private:
  void work();
  void copy();

  const std::int64_t wal_pages_max_;
  std::unique_ptr<Connection> connection_;
  std::mutex checkpoint_mutex_;  // SQLite lets one checkpoint run, and refuses a second one at once
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t wal_pages_{0};
  std::int64_t commits_{0};
  bool dirty_{false};
  bool stopping_{false};
  std::int64_t copy_above_;          // pages; thread of work() and mutex_
  std::int64_t restart_above_;       // pages; writer thread
  std::thread thread_;
};

}  // namespace tomada::store::sqlite
