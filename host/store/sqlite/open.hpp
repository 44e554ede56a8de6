// The embedded store: one SQLite file in the data directory.
#pragma once

#include "host/store/store.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>

namespace tomada::store::sqlite {

struct Options {
  std::filesystem::path file;
  std::size_t readers_count{2};
  std::size_t write_queue_max{10'000};        // UNAVAILABLE beyond
  std::size_t read_queue_max{10'000};         // UNAVAILABLE beyond
  std::size_t wal_bytes_max{256 * 1024 * 1024};  // the writer empties the log above this
  std::size_t pages_max{0};  // the file's largest size in pages of 4 KiB; 0: what the disk holds
};

/// Opens or creates the file (mode 0600), checks its integrity, brings its schema up to date.
/// UNAVAILABLE: locked by another process, disk full. INVALID_DATA: damaged, or of a newer version of Tomada.
/// Blocks; call it before the loops run.
Result<std::unique_ptr<Store>> open(const Options& options);

}  // namespace tomada::store::sqlite
