#include "host/plugin/copies.hpp"

#include "host/abi/inspect.hpp"
#include "host/cage/descriptor.hpp"
#include "host/cage/file_bytes.hpp"
#include "host/plugin/signature.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;

Error system_failure(const fs::path& file) {
  return fail(Errc::unavailable, file.string() + ": " + std::strerror(errno));
}

/// Complete or not there: `write` makes a file beside it, which then takes its place.
template <class F>
Result<void> replace(const fs::path& to, F write) {
  fs::path partial = to;
  partial += ".part-" + std::to_string(::getpid());
  std::error_code ignored;
  fs::remove(partial, ignored);
  Result<void> written = write(partial);
  if (written.has_value() && ::rename(partial.c_str(), to.c_str()) != 0) written = system_failure(to);
  if (written.has_error()) fs::remove(partial, ignored);
  return written;
}

Result<void> write_synced(const fs::path& to, std::string_view text) {
  const cage::Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400));
  if (!out || !cage::write_whole(out.number(), text) || ::fsync(out.number()) != 0) return system_failure(to);
  return {};
}

Result<void> copy_checked(const fs::path& from, const fs::path& to, const std::string& sha256) {
  const cage::Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500));
  if (!out) return system_failure(to);
  TOMADA_TRY_ASSIGN(const auto copied, cage::read_file(from, abi::k_plugin_bytes_max, [&](std::string_view piece) -> Result<void> {
                      if (!cage::write_whole(out.number(), piece)) return system_failure(to);
                      return {};
                    }));
  if (copied.sha256 != sha256) return fail(Errc::conflict, from.string() + ": changed while it was copied");
  if (::fsync(out.number()) != 0) return system_failure(to);
  return {};
}

}  // namespace

Result<Copies> Copies::open(const fs::path& private_dir) {
  std::error_code error;
  const fs::path dir = fs::absolute(private_dir, error) / "sha256";
  if (!error) fs::create_directories(dir, error);
  if (!error) fs::permissions(dir, fs::perms::owner_all, error);
  if (error) return fail(Errc::unavailable, private_dir.string() + ": " + error.message());
  return Copies(dir);
}

fs::path Copies::path_of(const std::string& sha256) const { return dir_ / (sha256 + ".so"); }

Result<void> Copies::keep(const fs::path& file, const std::string& sha256) {
  const fs::path to = path_of(sha256);
  std::error_code ignored;
  if (fs::exists(to, ignored)) {
    const auto there = cage::read_file(to, abi::k_plugin_bytes_max, [](std::string_view) { return Result<void>(); });
    if (there.has_value() && there->sha256 == sha256) return {};
  }
  return replace(to, [&](const fs::path& partial) { return copy_checked(file, partial, sha256); });
}

Result<void> Copies::keep_signature(const std::string& sha256, std::string_view text) {
  return replace(signature_file_of(path_of(sha256)), [&](const fs::path& partial) { return write_synced(partial, text); });
}

void Copies::remove_all_but(const std::set<std::string>& sha256) {
  std::vector<fs::path> unused;
  std::error_code error;
  for (fs::directory_iterator at(dir_, error), end; !error && at != end; at.increment(error)) {
    const fs::path& file = at->path();
    const fs::path copy = file.extension() == ".sig" ? file.stem() : file.filename();
    if (copy.extension() != ".so" || !sha256.contains(copy.stem().string())) unused.push_back(file);
  }
  for (const fs::path& file : unused) fs::remove(file, error);
}

}  // namespace tomada::plugin
