// Digests, signatures and encodings; never waits, works on any thread.
#pragma once

#include "tomada/services.hpp"

namespace tomada::sdk {

class Crypto {
 public:
  explicit Crypto(const tomada_crypto_service& crypto) : crypto_(crypto) {}

  /// Raw bytes. `algorithm`: TOMADA_SHA256 ...
  [[nodiscard]] std::string hash(std::uint32_t algorithm, std::string_view data) const {
    return sized(64, [&](char* out, std::uint64_t capacity, std::uint64_t* len) {
      return crypto_.hash(algorithm, slice(data), out, capacity, len);
    });
  }
  [[nodiscard]] std::string hmac(std::uint32_t algorithm, std::string_view key, std::string_view data) const {
    return sized(64, [&](char* out, std::uint64_t capacity, std::uint64_t* len) {
      return crypto_.hmac(algorithm, slice(key), slice(data), out, capacity, len);
    });
  }
  /// False: the signature is wrong. A malformed key or signature is a Failure (INVALID_DATA).
  [[nodiscard]] bool verify(std::uint32_t algorithm, std::string_view key, std::string_view data,
                            std::string_view signature) const {
    return yes(crypto_.verify(algorithm, slice(key), slice(data), slice(signature)));
  }
  /// In a time that does not depend on the content.
  [[nodiscard]] bool equal(std::string_view a, std::string_view b) const {
    return yes(crypto_.equal(slice(a), slice(b)));
  }
  [[nodiscard]] std::string base64_encode(std::string_view data) const {
    return converted(crypto_.base64_encode, data, data.size() / 3 * 4 + 8);
  }
  [[nodiscard]] std::string base64_decode(std::string_view text) const {
    return converted(crypto_.base64_decode, text, text.size() + 4);
  }
  [[nodiscard]] std::string hex_encode(std::string_view data) const {
    return converted(crypto_.hex_encode, data, data.size() * 2);
  }
  [[nodiscard]] std::string hex_decode(std::string_view text) const {
    return converted(crypto_.hex_decode, text, text.size());
  }

 private:
  template <class F>
  static std::string sized(std::size_t capacity, F&& fill) {
    std::string out(capacity, '\0');
    std::uint64_t len = 0;
    check(fill(out.data(), out.size(), &len));
    out.resize(static_cast<std::size_t>(len));
    return out;
  }
  template <class F>
  static std::string converted(F function, std::string_view in, std::size_t capacity) {
    return sized(capacity, [&](char* out, std::uint64_t size, std::uint64_t* len) {
      return function(slice(in), out, size, len);
    });
  }
  static bool yes(tomada_status status) {
    if (status == TOMADA_E_UNAUTHENTICATED) return false;
    check(status);
    return true;
  }

  const tomada_crypto_service& crypto_;
};

}  // namespace tomada::sdk
