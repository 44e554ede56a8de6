#include "host/cage/sealed_file.hpp"

#include "host/cage/file_bytes.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace tomada::cage {
namespace {

constexpr int k_seal_tries_max = 50;
constexpr unsigned int k_noexec_seal = 0x0008;  // MFD_NOEXEC_SEAL, Linux 6.3; Debian 12's header is older

Error system_failure() { return fail(Errc::unavailable, std::string("a file in memory: ") + std::strerror(errno)); }

Descriptor make_memory_file() {
  int number = ::memfd_create("plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING | k_noexec_seal);
  if (number < 0 && errno == EINVAL) number = ::memfd_create("plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return Descriptor(number);
}

}  // namespace

Result<SealedFile> sealed_copy(const std::filesystem::path& file, std::uint64_t bytes_max) {
  SealedFile copy;
  copy.descriptor = make_memory_file();
  if (!copy.descriptor) return system_failure();
  TOMADA_TRY_ASSIGN(FileBytes read, read_file(file, bytes_max, [&](std::string_view piece) -> Result<void> {
                      if (!write_whole(copy.descriptor.number(), piece)) return system_failure();
                      return {};
                    }));
  copy.bytes = read.count;
  copy.sha256 = std::move(read.sha256);

  constexpr int k_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  // Busy while the kernel still holds pages of it in another processor's batch, for which it waits 150 ms by itself.
  for (int tries = 0; ::fcntl(copy.descriptor.number(), F_ADD_SEALS, k_seals) != 0; ++tries)
    if (errno != EBUSY || tries == k_seal_tries_max) return system_failure();
  return copy;
}

}  // namespace tomada::cage
