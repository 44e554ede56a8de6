// The algorithms of webhook signatures over OpenSSL. Private to scheme/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tomada::scheme {

enum class Digest { sha1, sha256, sha384, sha512 };

std::string digest(Digest algorithm, std::string_view data);
std::string hmac(Digest algorithm, std::string_view key, std::string_view data);

/// `key`: 32 raw bytes; `signature`: 64 raw bytes. False also when one of them is malformed.
bool verify_ed25519(std::string_view key, std::string_view data, std::string_view signature);
/// `key`: SubjectPublicKeyInfo, DER or PEM. `signature`: DER.
bool verify_ecdsa_p256(std::string_view key, std::string_view data, std::string_view signature);
bool verify_rsa_sha256(std::string_view key, std::string_view data, std::string_view signature);
/// r and s of 32 bytes each, as JWT has them, to DER; nullopt: not 64 bytes.
std::optional<std::string> ecdsa_to_der(std::string_view r_and_s);

/// In a time that depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Standard alphabet only, with or without its padding.
std::optional<std::string> strict_base64_decode(std::string_view text);

}  // namespace tomada::scheme
