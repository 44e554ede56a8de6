// The plugin directory as it is now, compared with how it was when it was last looked at. No code of a plugin runs.
#pragma once

#include "host/base/result.hpp"
#include "host/plugin/copies.hpp"
#include "host/plugin/release.hpp"
#include "host/plugin/trust.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tomada::plugin {

/// Files of the plugin directory that are looked at.
inline constexpr std::size_t k_plugin_files_max = 1000;

/// What may have changed in the directory.
struct Changes {
  std::set<std::string> names;    // these files, by name: looked at whatever their state tells
  std::set<std::string> touched;  // the same for those that were there before
  bool all{false};                // every file whose state tells that it changed,
  bool settled{false};            // unless somebody may still be writing it

  [[nodiscard]] bool empty() const { return names.empty() && touched.empty() && !all; }
};
/// What was not touched for so long is settled.
inline constexpr std::chrono::seconds k_settled_after{1};

/// One file. `release` is null when it was refused.
struct Found {
  Entry entry;
  std::shared_ptr<const Release> release;
  bool is_new{false};  // since the last look: another content, or refused then and good now
};

/// One thread at a time; look() and kept() block on the disk.
class Directory {
 public:
  /// True for a plugin that is to run in the host's own process.
  using RunsHere = std::function<bool(const std::string& plugin_id)>;

  Directory(std::filesystem::path dir, Copies copies, Trust trust, RunsHere runs_here)
      : dir_(std::move(dir)), copies_(std::move(copies)), trust_(std::move(trust)), runs_here_(std::move(runs_here)) {}

  /// All files, by name. Good ones have been copied. A bad one is an entry with refusals, never an error.
  /// NOT_FOUND, UNAVAILABLE: the directory cannot be read, or holds too many files.
  Result<std::vector<Found>> look(const Changes& changes);
  /// How often a look() found other trusted keys; after each of them every kept() may answer differently.
  [[nodiscard]] std::size_t trust_changes_count() const { return trust_changes_count_; }
  /// A version from an earlier time, out of its private copy; it has a release. NOT_FOUND, UNAVAILABLE, INVALID_DATA: it is not
  /// there, not what it was, or not trusted any more.
  Result<Found> kept(const std::string& plugin_id, const std::string& sha256);
  void remove_copies_but(const std::set<std::string>& sha256) { copies_.remove_all_but(sha256); }

  /// What was found out about a good file after the look.
  void refuse(const std::filesystem::path& file, const abi::Refusal& refusal);
  /// The next look takes it for new.
  void forget(const std::filesystem::path& file) { known_.erase(file); }

  /// Which directory that is, for one that is replaced as a whole. {0, 0}: there is none.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> identity() const;
  [[nodiscard]] const std::filesystem::path& path() const { return dir_; }

 private:
  /// Two of them are equal unless the file was touched.
  struct State {
    std::uint64_t device{}, inode{}, size{};
    std::int64_t modified_s{}, modified_ns{}, changed_s{}, changed_ns{};
    bool operator==(const State&) const = default;
  };
  struct Known {
    State state, signature_state;
    Found found;
    std::string signature;      // the text, to be kept with the copy; empty: none, or kept already
    bool was_seen{false};       // by an earlier look
    bool was_good{false};       // at the end of it
    std::string last_sha256{};  // then
  };

  Result<std::vector<std::filesystem::path>> files() const;
  bool is_due(const std::filesystem::path& file, const Changes& changes) const;
  static State state_of(const std::filesystem::path& file);
  Known inspect(const std::filesystem::path& file);
  /// It was good at the last look, and is the same.
  [[nodiscard]] bool is_kept(const Entry& entry) const;
  /// Of two contents with one id and version the one that was there before wins, then the first by name.
  void refuse_twins(std::vector<Found>& all);
  std::shared_ptr<const Release> release_of(const Entry& entry);

  const std::filesystem::path dir_;
  Copies copies_;
  Trust trust_;
  std::size_t trust_changes_count_{0};
  const RunsHere runs_here_;
  std::map<std::filesystem::path, Known> known_;
  std::map<std::string, std::weak_ptr<const Release>> releases_;  // by sha256
};

}  // namespace tomada::plugin
