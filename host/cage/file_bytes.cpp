#include "host/cage/file_bytes.hpp"

#include "host/base/encoding.hpp"
#include "host/cage/descriptor.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace tomada::cage {
namespace {

constexpr std::size_t k_piece_bytes = 256 * 1024;

Error system_failure(const std::filesystem::path& file) {
  return fail(Errc::unavailable, file.string() + ": " + std::strerror(errno));
}

}  // namespace

bool write_whole(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

Result<FileBytes> read_file(const std::filesystem::path& file, std::uint64_t bytes_max,
                            const std::function<Result<void>(std::string_view piece)>& take) {
  // Not blocking: a FIFO in the plugin directory must not hold the host up.
  const Descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!from || ::fstat(from.number(), &status) != 0) return system_failure(file);
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid_data, file.string() + ": not a regular file");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!hash || EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) != 1)
    return fail(Errc::internal, "SHA-256 is not available");

  FileBytes read;
  std::vector<char> room(k_piece_bytes);
  while (true) {
    const ssize_t count = ::read(from.number(), room.data(), room.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure(file);
    if (count == 0) break;
    const std::string_view piece(room.data(), static_cast<std::size_t>(count));
    read.count += piece.size();
    if (read.count > bytes_max)
      return fail(Errc::invalid_data, file.string() + ": larger than " + std::to_string(bytes_max) + " bytes");
    EVP_DigestUpdate(hash.get(), piece.data(), piece.size());
    TOMADA_TRY(take(piece));
  }
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(hash.get(), digest.data(), &size);
  read.sha256 = hex_encode(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
  return read;
}

}  // namespace tomada::cage
