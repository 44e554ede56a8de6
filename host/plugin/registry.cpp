#include "host/plugin/registry.hpp"

#include "host/abi/host_table.hpp"
#include "host/base/encoding.hpp"

#include <openssl/evp.h>
#include <spdlog/spdlog.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;

/// Files of the plugin directory that are looked at.
constexpr std::size_t k_files_max = 1000;

class Descriptor {
 public:
  Descriptor(const fs::path& file, int flags, mode_t mode = 0) : number_(::open(file.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() { if (number_ >= 0) ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

Error system_failure(const fs::path& file) {
  return fail(Errc::unavailable, file.string() + ": " + std::strerror(errno));
}

/// Hands the file's bytes to `take(piece)`, which returns false to stop with errno set.
template <class F>
Result<std::string> digest_of(const fs::path& file, F&& take) {
  const Descriptor from(file, O_RDONLY);
  if (from.number() < 0) return system_failure(file);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!hash || EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) != 1)
    return fail(Errc::internal, "SHA-256 is not available");
  std::vector<char> piece(256 * 1024);
  std::size_t total = 0;
  while (true) {
    const ssize_t count = ::read(from.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure(file);
    if (count == 0) break;
    total += static_cast<std::size_t>(count);
    if (total > abi::k_plugin_bytes_max) return fail(Errc::invalid_data, file.string() + ": larger than 256 MiB");
    EVP_DigestUpdate(hash.get(), piece.data(), static_cast<std::size_t>(count));
    if (!take(std::string_view(piece.data(), static_cast<std::size_t>(count)))) return system_failure(file);
  }
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(hash.get(), digest.data(), &size);
  return hex_encode(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

Result<std::string> digest_of(const fs::path& file) {
  return digest_of(file, [](std::string_view) { return true; });
}

bool write_whole(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

fs::path copy_path(const fs::path& private_dir, const std::string& sha256) {
  return private_dir / "sha256" / (sha256 + ".so");
}

Result<void> copy_checked(const fs::path& from, const fs::path& to, const std::string& sha256) {
  const Descriptor out(to, O_WRONLY | O_CREAT | O_EXCL, 0500);
  if (out.number() < 0) return system_failure(to);
  TOMADA_TRY_ASSIGN(const std::string copied,
                    digest_of(from, [&](std::string_view piece) { return write_whole(out.number(), piece); }));
  if (copied != sha256) return fail(Errc::conflict, from.string() + ": changed while it was copied; start again");
  if (::fsync(out.number()) != 0) return system_failure(to);
  return {};
}

/// A place that nobody replaces a file under us: named by content, read-only, complete or not there.
Result<void> keep_copy(const fs::path& file, const fs::path& private_dir, const std::string& sha256) {
  const fs::path to = copy_path(private_dir, sha256);
  std::error_code ignored;
  if (fs::exists(to, ignored)) {
    const auto there = digest_of(to);
    if (there.has_value() && *there == sha256) return {};
  }
  fs::path partial = to;
  partial += ".part-" + std::to_string(::getpid());
  fs::remove(partial, ignored);
  auto copied = copy_checked(file, partial, sha256);
  if (copied.has_value() && ::rename(partial.c_str(), to.c_str()) != 0) copied = system_failure(to);
  if (copied.has_error()) fs::remove(partial, ignored);
  return copied;
}

Result<std::vector<fs::path>> plugin_files(const fs::path& plugin_dir) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(plugin_dir, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != ".so") continue;
    if (files.size() == k_files_max)
      return fail(Errc::unavailable, plugin_dir.string() + ": more than 1,000 plugin files");
    files.push_back(at->path());
  }
  if (error)
    return fail(error == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::unavailable,
                "plugin directory " + plugin_dir.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

/// What the file itself does not tell: what this host can run.
void judge_for_host(const abi::Manifest& manifest, std::vector<abi::Refusal>& refusals) {
  if (manifest.call_model == abi::CallModel::thread)
    refusals.push_back({"P16", "call model thread needs a worker process, which this version does not have"});
  const auto known = abi::known_services();
  for (const auto& id : manifest.services_required)
    if (std::find(known.begin(), known.end(), id) == known.end())
      refusals.push_back({"P14", "requires the service " + id + ", which this host does not have; a newer host may, "
                                 "or name it under services.optional"});
}

Entry entry_of(const fs::path& file) {
  Entry entry;
  entry.file = file;
  auto inspection = abi::inspect_file(file);
  if (inspection.has_error()) {
    entry.refusals.push_back({"P20", "cannot be read: " + inspection.error().message});
    return entry;
  }
  entry.sha256 = std::move(inspection->sha256);
  entry.refusals = std::move(inspection->refusals);
  if (inspection->has_manifest) {
    entry.plugin_id = inspection->manifest.id;
    entry.version = inspection->manifest.version;
    judge_for_host(inspection->manifest, entry.refusals);
    // Shared with everyone who looked the plugin up and keeps it for a call.
    entry.manifest = std::make_shared<const abi::Manifest>(std::move(inspection->manifest));
  }
  return entry;
}

Result<void> make_private_dir(const fs::path& private_dir) {
  std::error_code error;
  fs::create_directories(private_dir / "sha256", error);
  if (!error) fs::permissions(private_dir / "sha256", fs::perms::owner_all, error);
  if (error) return fail(Errc::unavailable, private_dir.string() + ": " + error.message());
  return {};
}

}  // namespace

Result<std::unique_ptr<Registry>> Registry::scan(const fs::path& plugin_dir, const fs::path& private_dir) {
  TOMADA_TRY(make_private_dir(private_dir));
  TOMADA_TRY_ASSIGN(const std::vector<fs::path> files, plugin_files(plugin_dir));
  std::unique_ptr<Registry> registry(new Registry);
  registry->private_dir_ = fs::absolute(private_dir);
  for (const auto& file : files) {
    Entry entry = entry_of(file);
    if (entry.refusals.empty())
      if (const Entry* const other = registry->find(entry.plugin_id))
        entry.refusals.push_back({"P15", "the plugin id " + entry.plugin_id + " is taken by " +
                                             other->file.filename().string() + ": remove one of the two files"});
    if (entry.refusals.empty())
      if (auto kept = keep_copy(file, registry->private_dir_, entry.sha256); kept.has_error())
        entry.refusals.push_back({"P20", "could not be copied: " + kept.error().message});
    for (const auto& refusal : entry.refusals)
      spdlog::warn("plugin {} refused, {}: {}", file.filename().string(), refusal.rule, refusal.reason);
    if (entry.refusals.empty())
      registry->releases_.push_back(std::make_shared<const Release>(
          Release{entry.plugin_id, entry.version, entry.sha256, copy_path(registry->private_dir_, entry.sha256), entry.manifest}));
    registry->entries_.push_back(std::move(entry));
  }
  return registry;
}

const Entry* Registry::find(std::string_view plugin_id) const {
  for (const auto& entry : entries_)
    if (entry.plugin_id == plugin_id && entry.refusals.empty()) return &entry;
  return nullptr;
}

Result<std::shared_ptr<const Release>> Registry::choose(std::string_view plugin_id, std::string_view) const {
  for (const auto& release : releases_)
    if (release->plugin_id == plugin_id) return release;
  return fail(Errc::not_found, "no plugin named " + std::string(plugin_id) + " is available on this host");
}

}  // namespace tomada::plugin
