#include "host/credentials/master_key.hpp"

#include "host/base/encoding.hpp"
#include "host/base/secret.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace tomada::credentials {
namespace {

constexpr std::size_t k_hex_digits = 2 * k_key_bytes;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

Error trouble(const std::filesystem::path& file, const std::string& what) {
  return fail(Errc::unavailable, "the master key file " + file.string() + ' ' + what);
}
Error os_trouble(const std::filesystem::path& file, const std::string& what) {
  return trouble(file, what + ": " + std::strerror(errno));
}

Result<void> check_owner_and_mode(const std::filesystem::path& file, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return os_trouble(file, "cannot be read");
  if (!S_ISREG(status.st_mode)) return trouble(file, "is not a regular file");
  if ((status.st_mode & 077) != 0)
    return trouble(file, "may be read or changed by others; run: chmod 600 " + file.string());
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return trouble(file, "belongs to another user (uid " + std::to_string(status.st_uid) + ")");
  return {};
}

Result<std::shared_ptr<const Key>> read(const std::filesystem::path& file, int fd) {
  TOMADA_TRY(check_owner_and_mode(file, fd));
  std::array<char, k_hex_digits + 8> text{};
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(fd, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_trouble(file, "cannot be read");
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  std::string_view digits(text.data(), size);
  while (!digits.empty() && (digits.back() == '\n' || digits.back() == '\r')) digits.remove_suffix(1);
  std::optional<std::string> bytes;
  if (digits.size() == k_hex_digits) bytes = hex_decode(digits);
  wipe(text.data(), text.size());
  if (!bytes)
    return trouble(file, "must hold 64 hex digits and nothing else; restore it from your backup (a new key cannot open "
                         "what the old one sealed)");
  auto key = Key::copy_of(*bytes);
  wipe(bytes->data(), bytes->size());
  return key;
}

Result<void> write_new(const std::filesystem::path& file, int fd) {
  const auto key = Key::random();
  std::string text = hex_encode(key->expose_key()) + '\n';
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(fd, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  const bool complete = written == text.size();
  wipe(text.data(), text.size());
  if (!complete || ::fsync(fd) != 0) return os_trouble(file, "cannot be written");
  return {};
}

/// Writes beside the file and links into place: a crash leaves no half key, and of two makers one wins.
Result<void> make(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const std::string draft = file.string() + ".new." + std::to_string(::getpid());
  Result<void> outcome;
  {
    const File target(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (target.fd() < 0) return os_trouble(file, "cannot be made");
    outcome = write_new(file, target.fd());
  }
  if (outcome.has_value() && ::link(draft.c_str(), file.c_str()) != 0 && errno != EEXIST)
    outcome = os_trouble(file, "cannot be made");
  ::unlink(draft.c_str());
  TOMADA_TRY(outcome);
  const File parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.fd() < 0 || ::fsync(parent.fd()) != 0) return os_trouble(file, "cannot be made durable");
  return {};
}

}  // namespace

Result<std::shared_ptr<const Key>> open_master_key(const std::filesystem::path& file, bool create) {
  for (bool made = false;; made = true) {
    const File existing(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (existing.fd() >= 0) return read(file, existing.fd());
    if (errno != ENOENT || made) return os_trouble(file, "cannot be read");
    if (!create) return trouble(file, "does not exist; restore it from your backup");
    TOMADA_TRY(make(file));
  }
}

}  // namespace tomada::credentials
