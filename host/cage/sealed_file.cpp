#include "host/cage/sealed_file.hpp"

#include "host/base/encoding.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tomada::cage {
namespace {

constexpr std::size_t k_piece_bytes = 256 * 1024;
constexpr int k_seal_tries_max = 50;
constexpr unsigned int k_noexec_seal = 0x0008;  // MFD_NOEXEC_SEAL, Linux 6.3; Debian 12's header is older

Error system_failure(const std::filesystem::path& file) {
  return fail(Errc::unavailable, file.string() + ": " + std::strerror(errno));
}

Descriptor make_memory_file() {
  int number = ::memfd_create("plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING | k_noexec_seal);
  if (number < 0 && errno == EINVAL) number = ::memfd_create("plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return Descriptor(number);
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

}  // namespace

Result<SealedFile> sealed_copy(const std::filesystem::path& file, std::uint64_t bytes_max) {
  // Not blocking: a FIFO in the plugin directory must not hold the host up.
  const Descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!from || ::fstat(from.number(), &status) != 0) return system_failure(file);
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid_data, file.string() + ": not a regular file");
  SealedFile copy{.descriptor = make_memory_file()};
  if (!copy.descriptor) return system_failure("memfd");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!hash || EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) != 1)
    return fail(Errc::internal, "SHA-256 is not available");

  std::vector<char> piece(k_piece_bytes);
  while (true) {
    const ssize_t count = ::read(from.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure(file);
    if (count == 0) break;
    copy.bytes += static_cast<std::uint64_t>(count);
    if (copy.bytes > bytes_max)
      return fail(Errc::invalid_data, file.string() + ": larger than " + std::to_string(bytes_max) + " bytes");
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(count));
    EVP_DigestUpdate(hash.get(), bytes.data(), bytes.size());
    if (!write_whole(copy.descriptor.number(), bytes)) return system_failure("memfd");
  }
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(hash.get(), digest.data(), &size);
  copy.sha256 = hex_encode(std::string_view(reinterpret_cast<const char*>(digest.data()), size));

  constexpr int k_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  // Busy while the kernel still holds pages of it in another processor's batch, for which it waits 150 ms by itself.
  for (int tries = 0; ::fcntl(copy.descriptor.number(), F_ADD_SEALS, k_seals) != 0; ++tries)
    if (errno != EBUSY || tries == k_seal_tries_max) return system_failure("memfd");
  return copy;
}

}  // namespace tomada::cage
