// Exclusive ownership of the database file: one process at a time.
#pragma once

#include "host/base/result.hpp"

#include <filesystem>
#include <utility>

namespace tomada::store::sqlite {

/// Held while it lives, and no longer than the process, whatever ends it.
class FileLock {
 public:
  /// Takes an flock on `file`, which then holds this process's id. UNAVAILABLE: another process has it; the message
  /// says which.
  static Result<FileLock> take(const std::filesystem::path& file);
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace tomada::store::sqlite
