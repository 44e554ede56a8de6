#include "host/plugin/directory.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <system_error>
#include <utility>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;

/// What the file itself does not tell: what this host can run.
void judge_for_host(const abi::Manifest& manifest, bool runs_here, std::vector<abi::Refusal>& refusals) {
  if (manifest.call_model == abi::CallModel::thread && runs_here)
    refusals.push_back({"P16", "call model thread needs a worker process, and the settings let this plugin run in the host's "
                               "own: plugins.isolation or plugins.in_process"});
}

}  // namespace

Result<std::vector<fs::path>> Directory::files() const {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(dir_, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != ".so") continue;
    if (files.size() == k_plugin_files_max) return fail(Errc::unavailable, dir_.string() + ": more than 1,000 plugin files");
    files.push_back(at->path());
  }
  if (error)
    return fail(error == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::unavailable,
                "plugin directory " + dir_.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

Directory::State Directory::state_of(const fs::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {status.st_dev,          status.st_ino,         static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec,  status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

std::pair<std::uint64_t, std::uint64_t> Directory::identity() const {
  const State state = state_of(dir_);
  return {state.device, state.inode};
}

Result<std::vector<Found>> Directory::look(const Changes& changes) {
  TOMADA_TRY_ASSIGN(const std::vector<fs::path> all, files());
  const bool is_trust_new = trust_.reload();
  if (is_trust_new) ++trust_changes_count_;
  std::map<fs::path, Known> now;
  for (const fs::path& file : all) {
    const auto before = known_.find(file);
    const bool due = is_due(file, changes) || (is_trust_new && before != known_.end());
    if (before == known_.end() && !due) continue;
    Known known = due ? inspect(file) : before->second;
    if (before != known_.end()) {
      known.was_seen = before->second.was_seen;
      known.was_good = before->second.was_good;
      known.last_sha256 = before->second.last_sha256;
    }
    now.emplace(file, std::move(known));
  }
  known_ = std::move(now);

  std::vector<Found> found;
  for (auto& [file, known] : known_) found.push_back(known.found);
  refuse_twins(found);
  for (Found& one : found) {
    Known& known = known_.at(one.entry.file);
    if (one.entry.refusals.empty()) {
      auto copied = is_kept(one.entry) ? Result<void>() : copies_.keep(one.entry.file, one.entry.sha256);
      if (copied.has_value() && !known.signature.empty()) copied = copies_.keep_signature(one.entry.sha256, known.signature);
      if (copied.has_error()) one.entry.refusals.push_back({"P20", "could not be copied: " + copied.error().message});
      else one.release = release_of(one.entry);
    }
    known.signature.clear();
    const bool is_good = one.entry.refusals.empty();
    one.is_new = !known.was_seen || known.last_sha256 != one.entry.sha256 || known.was_good != is_good;
    known.was_seen = true;
    known.was_good = is_good;
    known.last_sha256 = one.entry.sha256;
  }
  return found;
}

bool Directory::is_due(const fs::path& file, const Changes& changes) const {
  const std::string name = file.filename().string();
  const auto before = known_.find(file);
  const bool was_there = before != known_.end();
  if (changes.names.contains(name) || (was_there && changes.touched.contains(name))) return true;
  if (!changes.all) return false;  // it may be half written: its own event is still to come
  const State state = state_of(file);
  const State signature_state = state_of(signature_file_of(file));
  if (was_there && before->second.state == state && before->second.signature_state == signature_state) return false;
  if (!changes.settled) return true;
  const std::int64_t age_s = std::time(nullptr) - std::max(state.changed_s, signature_state.changed_s);
  return age_s < 0 || age_s > k_settled_after.count();
}

Directory::Known Directory::inspect(const fs::path& file) {
  Known known;
  known.state = state_of(file);  // before the bytes: a later change shows
  known.signature_state = state_of(signature_file_of(file));
  Entry& entry = known.found.entry;
  entry.file = file;
  auto inspection = abi::inspect_file(file);
  if (inspection.has_error()) {
    entry.refusals.push_back({"P20", "cannot be read: " + inspection.error().message});
    return known;
  }
  entry.sha256 = std::move(inspection->sha256);
  entry.refusals = std::move(inspection->refusals);
  if (!inspection->has_manifest) return known;
  entry.plugin_id = inspection->manifest.id;
  entry.version = inspection->manifest.version;
  judge_for_host(inspection->manifest, runs_here_(entry.plugin_id), entry.refusals);
  if (auto signature = signature_beside(file); signature.has_error()) {
    entry.refusals.push_back({"P24", "the signature beside it cannot be read: " + signature.error().message});
  } else {
    entry.signer = trust_.judge(entry.plugin_id, entry.sha256, *signature, entry.refusals);
    known.signature = *std::move(signature);
  }
  // Shared with everyone who looked the plugin up and keeps it for a call.
  entry.manifest = std::make_shared<const abi::Manifest>(std::move(inspection->manifest));
  return known;
}

bool Directory::is_kept(const Entry& entry) const {
  const Known& known = known_.at(entry.file);
  return known.was_good && known.last_sha256 == entry.sha256;
}

void Directory::refuse_twins(std::vector<Found>& all) {
  std::map<std::pair<std::string, std::string>, const Entry*> owners;
  for (const bool was_good : {true, false})
    for (Found& found : all) {
      Entry& entry = found.entry;
      if (!entry.refusals.empty() || is_kept(entry) != was_good) continue;
      const auto [owner, is_first] = owners.try_emplace({entry.plugin_id, entry.version}, &entry);
      if (is_first || owner->second->sha256 == entry.sha256) continue;
      entry.refusals.push_back({"P15", "version " + entry.version + " of the plugin " + entry.plugin_id + " is " +
                                           owner->second->file.filename().string() +
                                           ", with another content: remove one of the two files, or give it another version"});
    }
}

std::shared_ptr<const Release> Directory::release_of(const Entry& entry) {
  auto& known = releases_[entry.sha256];
  if (auto release = known.lock()) return release;
  auto release = std::make_shared<const Release>(
      Release{entry.plugin_id, entry.version, entry.sha256, copies_.path_of(entry.sha256), entry.manifest});
  known = release;
  return release;
}

Result<Found> Directory::kept(const std::string& plugin_id, const std::string& sha256) {
  Known known = inspect(copies_.path_of(sha256));
  const Entry& entry = known.found.entry;
  if (entry.sha256.empty()) return fail(Errc::unavailable, entry.refusals.front().reason);
  if (entry.sha256 != sha256) return fail(Errc::invalid_data, entry.file.string() + ": is damaged");
  if (!entry.refusals.empty()) return fail(Errc::invalid_data, entry.refusals.front().rule + ": " + entry.refusals.front().reason);
  if (entry.plugin_id != plugin_id) return fail(Errc::invalid_data, entry.file.string() + ": is of another plugin");
  known.found.release = release_of(entry);
  return std::move(known.found);
}

void Directory::refuse(const fs::path& file, const abi::Refusal& refusal) {
  const auto known = known_.find(file);
  if (known == known_.end()) return;
  known->second.found.entry.refusals.push_back(refusal);
  known->second.was_good = false;
}

}  // namespace tomada::plugin
