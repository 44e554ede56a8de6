// Gathers a commit's pages on their way into the write-ahead log: one write for many of them instead of two for each.
#pragma once

#include <sqlite3.h>

namespace tomada::store::sqlite {

/// Longer commits go in pieces of this. SQLite's Unix files take at most 128 KiB - 1 in one write.
inline constexpr int k_wal_buffer_bytes = 127 * 1024;

/// The name for sqlite3_open_v2(); registers it at first. Thread-safe.
const char* wal_vfs();

/* For each connection that was opened with it, before it writes: the two things that it takes for granted.
 * - Frames that a transaction spilled before it was rolled back are dropped, for their place in the log is free then;
 *   uses the connection's rollback hook.
 * - A commit ends with its sync and not with a piece of padding after it (SQLITE_FCNTL_POWERSAFE_OVERWRITE, which is
 *   the default on Unix). It stays true only while PRAGMA synchronous is FULL. */
void prepare_for_wal_vfs(sqlite3* handle);

}  // namespace tomada::store::sqlite
