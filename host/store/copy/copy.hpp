// Moves a whole store from an SQLite file into an empty PostgreSQL database, and proves that all of it arrived.
#pragma once

#include "host/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

struct CopyOptions {
  std::string from;        // sqlite:FILE
  std::string to;          // postgres://…
  bool start_over{false};  // removes what an unfinished copy wrote, and begins anew
  // Of one transaction on the target: what a kill can undo.
  std::size_t batch_rows_max{1'000};
  std::size_t batch_bytes_max{4 * 1024 * 1024};
};

struct CopyProgress {
  enum class Phase { copy, verify };
  Phase phase{Phase::copy};
  std::string_view table;      // as the target calls it; valid until the call returns
  std::int64_t rows{};         // of the table so far, by earlier runs too
  std::int64_t rows_total{};   // of the table
  std::int64_t all_rows{};     // of all tables in this phase
  std::int64_t all_rows_total{};
};
/// Called after each batch, on the caller's thread. False ends the copy; the same call goes on from there.
using CopyWatch = std::function<bool(const CopyProgress& progress)>;

struct CopyReport {
  struct Table {
    std::string name;
    std::int64_t rows{};
    std::string sha256;  // over all rows in key order; computed on both sides, equal
  };
  std::vector<Table> tables;
  bool was_complete{false};          // an earlier run finished it: nothing was done, `tables` says what that one found
  std::int64_t rows_total{};
  std::int64_t rows_written{};       // by this run
  std::int64_t texts_changed{};      // texts with NUL or not in UTF-8, which PostgreSQL cannot hold: U+FFFD stands there
  double copy_seconds{}, verify_seconds{};
};

/* Both stores are taken for its own: FILE.lock of the file, an advisory lock on the database. While it runs, and until it
 * is complete, hosts refuse to start on the target. Killed at any time, the same call goes on after the last batch.
 * Cursors, ids, record order, dedupe keys, fencing tokens and sealed credentials stay as they are; jobs in hand become
 * waiting ones. The master key is no part of a store.
 * The file's schema is brought up to date first, as a host does when it starts; nothing else in it changes.
 * INVALID_CONFIG: an address is none of those above, or the file is not there.
 * UNAVAILABLE: a host (or another copy) has the file or the database; the database cannot be reached.
 * CONFLICT: the target has rows of its own, or of an unfinished copy from another file or of one that changed since.
 * INVALID_DATA: a schema is newer than this program; a key is not UTF-8; the verification found a difference (the message
 * names table and keys; the target stays unfinished).
 * CANCELLED: `watch` said so. Blocks; needs no loop. */
Result<CopyReport> copy(const CopyOptions& options, const CopyWatch& watch);

}  // namespace tomada::store
