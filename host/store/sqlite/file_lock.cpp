#include "host/store/sqlite/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace tomada::store::sqlite {
namespace {

std::string holder_of(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  std::string pid;
  for (ssize_t i = 0; i < size && text[static_cast<std::size_t>(i)] >= '0' && text[static_cast<std::size_t>(i)] <= '9'; ++i)
    pid += text[static_cast<std::size_t>(i)];
  return pid.empty() ? "another process" : "process " + pid;
}

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return fail(Errc::unavailable, "cannot open " + file.string() + ": " + std::generic_category().message(errno));
  FileLock lock(descriptor);
  int code = 0;
  do code = flock(descriptor, LOCK_EX | LOCK_NB);
  while (code != 0 && errno == EINTR);
  if (code != 0) {
    if (errno != EWOULDBLOCK)
      return fail(Errc::unavailable, "cannot lock " + file.string() + ": " + std::generic_category().message(errno));
    return fail(Errc::unavailable, "the database is in use by " + holder_of(descriptor) + " (" + file.string() +
                                       "); stop it first, or use another data directory");
  }
  // Only for the message above; the lock itself is the kernel's, so a full disk here does no harm.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(descriptor, 0) == 0) (void)!pwrite(descriptor, pid.data(), pid.size(), 0);
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace tomada::store::sqlite
