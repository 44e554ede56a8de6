// Preloaded into a host: each flush to the disk takes up to SLOW_DISK_MS longer, as on a busy or dying disk.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

void be_slow() {
  static const long k_slow_ms = [] {
    const char* text = std::getenv("SLOW_DISK_MS");
    return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  }();
  if (k_slow_ms <= 0) return;
  static std::atomic<std::uint64_t> flushes{0};
  const std::uint64_t mixed = (flushes.fetch_add(1) + 1) * 0x9E3779B97F4A7C15u;
  const long ms = static_cast<long>((mixed >> 33) % static_cast<std::uint64_t>(k_slow_ms + 1));
  timespec duration{ms / 1000, (ms % 1000) * 1'000'000};
  nanosleep(&duration, nullptr);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int fdatasync(int fd) {
  be_slow();
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

extern "C" __attribute__((visibility("default"))) int fsync(int fd) {
  be_slow();
  return static_cast<int>(syscall(SYS_fsync, fd));
}
