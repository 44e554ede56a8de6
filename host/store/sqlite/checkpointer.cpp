#include "host/store/sqlite/checkpointer.hpp"

#include <algorithm>
#include <utility>

namespace tomada::store::sqlite {

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection, std::size_t wal_bytes_max)
    : wal_pages_max_(std::max<std::int64_t>(16, static_cast<std::int64_t>(wal_bytes_max) / k_page_bytes)),
      connection_(std::move(connection)),
      copy_above_(wal_pages_max_ / 4),
      restart_above_(wal_pages_max_),
      thread_([this] { work(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Checkpointer::committed(std::int64_t wal_pages) {
  {
    const std::lock_guard lock(mutex_);
    if (wal_pages < wal_pages_) copy_above_ = wal_pages_max_ / 4;  // the log began anew
    wal_pages_ = wal_pages;
    ++commits_;
    if (std::exchange(dirty_, true) && wal_pages < copy_above_) return;
  }
  changed_.notify_one();
}

void Checkpointer::bound_log(Connection& writer, std::int64_t wal_pages) {
  if (wal_pages < wal_pages_max_) restart_above_ = wal_pages_max_;
  if (wal_pages < restart_above_) return;
  const std::lock_guard lock(checkpoint_mutex_);
  const int code = sqlite3_wal_checkpoint_v2(writer.handle(), nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  // A reader that stays, or a full disk: the commits go on, and this is tried again only after some more growth.
  restart_above_ = code == SQLITE_OK ? wal_pages_max_ : wal_pages + wal_pages_max_ / 4;
}

void Checkpointer::empty_log(Connection& writer) {
  const std::lock_guard lock(checkpoint_mutex_);
  sqlite3_wal_checkpoint_v2(writer.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

void Checkpointer::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || dirty_; });
    std::int64_t seen = -1;
    while (!stopping_ && wal_pages_ < copy_above_ && seen != commits_) {
      seen = commits_;
      changed_.wait_for(lock, k_checkpoint_idle, [&] { return stopping_ || wal_pages_ >= copy_above_; });
    }
    if (stopping_) return;
    dirty_ = false;
    copy_above_ = std::max(wal_pages_, copy_above_) + wal_pages_max_ / 4;
    lock.unlock();
    copy();
    lock.lock();
  }
}

void Checkpointer::copy() {
  const std::lock_guard lock(checkpoint_mutex_);
  // A connection that has read nothing yet does not know that there is a log: its checkpoint does nothing, silently.
  { auto look = connection_->prepare("SELECT count(*) FROM schema_migrations"); (void)look.step(); }
  sqlite3_wal_checkpoint_v2(connection_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  (void)connection_->take_error();  // a full disk: the log keeps everything, the next time may succeed
}

}  // namespace tomada::store::sqlite
