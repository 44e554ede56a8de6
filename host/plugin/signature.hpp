// Who made a plugin file: a detached ed25519 signature beside it. OpenSSL does the mathematics.
#pragma once

#include "host/base/result.hpp"
#include "host/base/secret.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

namespace tomada::plugin {

inline constexpr std::size_t k_signature_bytes_max = 1024;  // of a signature's file
inline constexpr std::size_t k_key_bytes_max = 4096;        // of a key's file

using PublicKey = std::array<unsigned char, 32>;

/// Says "the owner of `key` made the file with that digest". Whether anybody trusts the key is another question (trust.hpp).
struct Signature {
  PublicKey key{};
  std::array<unsigned char, 64> value{};
  bool operator==(const Signature&) const = default;
};

/// "example.so" -> "example.so.sig".
std::filesystem::path signature_file_of(const std::filesystem::path& file);

/// Its text, whatever it holds; empty: there is none. Blocks on the disk. INVALID_DATA, UNAVAILABLE: too large, not readable.
Result<std::string> signature_beside(const std::filesystem::path& file);

/// The text of a signature file, one line: "tomada-signature-1 KEY VALUE", both in base64.
std::string format_signature(const Signature& signature);
/// INVALID_DATA: it is not one.
Result<Signature> parse_signature(std::string_view text);

/// The bytes that are signed: "tomada-plugin-sha256:" and the file's digest in lower-case hex. The words keep a signature from
/// being one of anything else that the key signs.
std::string signed_text(std::string_view sha256);
[[nodiscard]] bool fits(const Signature& signature, std::string_view sha256);

/// With a private ed25519 key in PEM (`openssl genpkey -algorithm ed25519`). INVALID_DATA: it is none, or it has a passphrase.
Result<Signature> sign(const Secret& private_key_pem, std::string_view sha256);

/// INVALID_DATA: no public ed25519 key in PEM (`openssl pkey -in KEY -pubout`).
Result<PublicKey> parse_public_key(std::string_view pem);
std::string format_public_key(const PublicKey& key);

/// For people: "ed25519:" and the first 16 hex digits of the key's SHA-256.
std::string fingerprint(const PublicKey& key);

}  // namespace tomada::plugin
