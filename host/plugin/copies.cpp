#include "host/plugin/copies.hpp"

#include "host/abi/inspect.hpp"
#include "host/base/encoding.hpp"

#include <openssl/evp.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  // NONBLOCK: a file may have become a named pipe since it was looked at.
  Descriptor(const fs::path& file, int flags, mode_t mode = 0)
      : number_(::open(file.c_str(), flags | O_CLOEXEC | O_NONBLOCK, mode)) {}
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

Result<void> copy_checked(const fs::path& from, const fs::path& to, const std::string& sha256) {
  const Descriptor out(to, O_WRONLY | O_CREAT | O_EXCL, 0500);
  if (out.number() < 0) return system_failure(to);
  TOMADA_TRY_ASSIGN(const std::string copied,
                    digest_of(from, [&](std::string_view piece) { return write_whole(out.number(), piece); }));
  if (copied != sha256) return fail(Errc::conflict, from.string() + ": changed while it was copied");
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

void Copies::remove_all_but(const std::set<std::string>& sha256) {
  std::vector<fs::path> unused;
  std::error_code error;
  for (fs::directory_iterator at(dir_, error), end; !error && at != end; at.increment(error)) {
    const fs::path& file = at->path();
    if (file.extension() != ".so" || !sha256.contains(file.stem().string())) unused.push_back(file);
  }
  for (const fs::path& file : unused) fs::remove(file, error);
}

}  // namespace tomada::plugin
