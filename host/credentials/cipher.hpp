// AES-256-GCM with a header that names the key, and keys in locked memory.
#pragma once

#include "host/base/result.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tomada::credentials {

inline constexpr std::size_t k_key_bytes = 32;
inline constexpr std::size_t k_key_id_bytes = 8;

/// 32 bytes in OpenSSL's secure heap (mlock()ed, guarded, left out of core dumps) while that has room; wiped at the end.
class Key {
 public:
  static std::shared_ptr<const Key> random();
  static std::shared_ptr<const Key> copy_of(std::string_view bytes);  // exactly k_key_bytes
  ~Key();
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  [[nodiscard]] std::string_view expose_key() const;
  /// Names the key in what it sealed: a part of a hash, from which the key cannot be found.
  [[nodiscard]] std::string_view id() const { return {id_.data(), id_.size()}; }

 private:
  Key();
  void name();
  unsigned char* bytes_;
  std::array<char, k_key_id_bytes> id_{};
};

/* Sealed bytes: version 1 | key id (8) | nonce (12, random) | ciphertext | tag (16). Version and key id are
 * authenticated, and so is `context`, which is not stored: opening needs the same. */
std::string seal_bytes(const Key& key, std::string_view clear, std::string_view context);
/// False: damaged, another context or another key. `clear` is set only when true; the caller wipes it.
bool open_bytes(const Key& key, std::string_view sealed, std::string_view context, std::string& clear);
/// The key id of sealed bytes, or empty when they are no such thing.
std::string_view key_id_of(std::string_view sealed);

/// Joins parts so that no two lists of parts give the same text.
std::string context_of(std::initializer_list<std::string_view> parts);

}  // namespace tomada::credentials
