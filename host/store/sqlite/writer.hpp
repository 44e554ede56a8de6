// The one thread that writes: what waits becomes one transaction, one fsync for all of it.
#pragma once

#include "host/store/sqlite/checkpointer.hpp"
#include "host/store/sqlite/connection.hpp"
#include "host/store/sqlite/work.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace tomada::store::sqlite {

/// A group is what waits when the one before is done, but not more than this: the first in it waits for the last.
inline constexpr std::size_t k_group_writes_max = 1024;
inline constexpr std::int64_t k_group_rows_max = 50'000;

/* Each write runs in its own savepoint, so one that fails undoes itself and nothing else; those that cannot fail half
 * way (Terms::is_whole) go without. When the commit fails, or SQLite gives the whole transaction up (disk full), every
 * write of the group fails with UNAVAILABLE. */
class Writer {
 public:
  Writer(std::unique_ptr<Connection> connection, Checkpointer& checkpointer, std::size_t waiting_max);
  ~Writer();  // does what waits, then moves the whole log into the file

  [[nodiscard]] bool try_push(Work& work) { return queue_.try_push(work); }
  [[nodiscard]] std::uint64_t groups_count() const { return groups_count_.load(std::memory_order_relaxed); }

 private:
  void work();
  std::size_t run_group(const std::vector<Work*>& group, std::size_t first);
  bool run_one(Work& work);
  bool run_whole(Work& work);
  bool run_in_savepoint(Work& work);

  Checkpointer& checkpointer_;
  std::unique_ptr<Connection> connection_;
  WorkQueue<Work> queue_;
  std::int64_t wal_pages_{0};
  std::atomic<std::uint64_t> groups_count_{0};
  std::thread thread_;
};

}  // namespace tomada::store::sqlite
