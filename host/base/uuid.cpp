#include "host/base/uuid.hpp"

#include "host/base/assert.hpp"

#include <openssl/rand.h>

#include <array>
#include <cctype>
#include <cstdint>
#include <mutex>

namespace tomada {
namespace {

struct Last {
  std::mutex mutex;
  std::uint64_t ms_and_counter{};  // 48 bits of milliseconds, 12 of counter
};
Last g_last;  // order across all callers of the process is the point of it

std::uint64_t next_ms_and_counter(std::uint64_t ms) {
  const std::lock_guard lock(g_last.mutex);
  const std::uint64_t fresh = ms << 12;
  g_last.ms_and_counter = fresh > g_last.ms_and_counter ? fresh : g_last.ms_and_counter + 1;
  return g_last.ms_and_counter;
}

}  // namespace

std::string make_uuid_v7(std::chrono::system_clock::time_point now) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::uint64_t stamp = next_ms_and_counter(static_cast<std::uint64_t>(ms < 0 ? 0 : ms));
  std::array<unsigned char, 16> bytes{};
  for (int i = 0; i < 6; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<unsigned char>(stamp >> (52 - 8 * i));
  bytes[6] = static_cast<unsigned char>(0x70 | ((stamp >> 8) & 0x0f));
  bytes[7] = static_cast<unsigned char>(stamp);
  TOMADA_ASSERT(RAND_bytes(bytes.data() + 8, 8) == 1);
  bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3f));

  static constexpr char k_digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += k_digits[bytes[i] >> 4];
    text += k_digits[bytes[i] & 15];
  }
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

}  // namespace tomada
