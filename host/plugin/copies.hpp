// The host's private copies of plugin files, named by their content: nobody replaces a file under us.
#pragma once

#include "host/base/result.hpp"

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace tomada::plugin {

/// All functions block on the disk. One thread.
class Copies {
 public:
  /// UNAVAILABLE: the directory cannot be made.
  static Result<Copies> open(const std::filesystem::path& private_dir);

  [[nodiscard]] std::filesystem::path path_of(const std::string& sha256) const;
  /// Complete or not there: written beside, synced, renamed, mode 0500. One that is there and intact is kept; a damaged one is
  /// replaced. CONFLICT: `file` has another digest by now.
  Result<void> keep(const std::filesystem::path& file, const std::string& sha256);
  /// Beside the copy, for the next start; in place of an earlier one.
  Result<void> keep_signature(const std::string& sha256, std::string_view text);
  /// Removes all but these, and what an earlier process left half written.
  void remove_all_but(const std::set<std::string>& sha256);

 private:
  explicit Copies(std::filesystem::path dir) : dir_(std::move(dir)) {}
  std::filesystem::path dir_;
};

}  // namespace tomada::plugin
