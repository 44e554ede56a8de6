// The service crypto: plain functions over OpenSSL, the same for every call.
#include "host/abi/thunks.hpp"

#include "host/base/encoding.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tomada::abi {
namespace {

// Larger inputs are a mistake of the caller: bodies are bounded far below.
constexpr std::uint64_t k_input_bytes_max = 1ull << 31;

std::optional<std::string_view> view(tomada_slice slice) {
  if (slice.len > k_input_bytes_max || (slice.ptr == nullptr && slice.len != 0)) return std::nullopt;
  return std::string_view(slice.ptr == nullptr ? "" : slice.ptr, slice.len);
}

tomada_status give(std::string_view result, char* out, std::uint64_t capacity, std::uint64_t* len) {
  if (len == nullptr) return TOMADA_E_INVALID_DATA;
  *len = result.size();
  if (result.size() > capacity || (out == nullptr && !result.empty())) return TOMADA_E_INVALID_DATA;
  if (!result.empty()) std::memcpy(out, result.data(), result.size());
  return TOMADA_OK;
}

std::string_view text_of(const std::string& text) { return text; }
std::optional<std::string_view> text_of(const std::optional<std::string>& text) { return text; }

tomada_status give(const std::optional<std::string_view>& result, char* out, std::uint64_t capacity,
                   std::uint64_t* len) {
  return result ? give(*result, out, capacity, len) : TOMADA_E_INVALID_DATA;
}

const EVP_MD* digest_of(std::uint32_t algorithm) {
  switch (algorithm) {
    case TOMADA_SHA1: return EVP_sha1();
    case TOMADA_SHA256: return EVP_sha256();
    case TOMADA_SHA512: return EVP_sha512();
    case TOMADA_MD5: return EVP_md5();
    default: return nullptr;
  }
}

tomada_status hash(std::uint32_t algorithm, tomada_slice data, char* out, std::uint64_t capacity, std::uint64_t* len) {
  const EVP_MD* md = digest_of(algorithm);
  const auto input = view(data);
  if (md == nullptr) return TOMADA_E_UNSUPPORTED;
  if (!input) return TOMADA_E_INVALID_DATA;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(input->data(), input->size(), digest.data(), &size, md, nullptr) != 1) return TOMADA_E_INTERNAL;
  return give(std::string_view(reinterpret_cast<const char*>(digest.data()), size), out, capacity, len);
}

tomada_status hmac(std::uint32_t algorithm, tomada_slice key, tomada_slice data, char* out, std::uint64_t capacity,
                   std::uint64_t* len) {
  const EVP_MD* md = digest_of(algorithm);
  const auto key_bytes = view(key);
  const auto input = view(data);
  if (md == nullptr) return TOMADA_E_UNSUPPORTED;
  if (!key_bytes || !input || key_bytes->size() > std::numeric_limits<int>::max()) return TOMADA_E_INVALID_DATA;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(md, key_bytes->data(), static_cast<int>(key_bytes->size()),
           reinterpret_cast<const unsigned char*>(input->data()), input->size(), digest.data(), &size) == nullptr)
    return TOMADA_E_INTERNAL;
  return give(std::string_view(reinterpret_cast<const char*>(digest.data()), size), out, capacity, len);
}

struct FreeKey { void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); } };
struct FreeContext { void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); } };
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

Key load_key(std::uint32_t algorithm, std::string_view key) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
  if (algorithm == TOMADA_VERIFY_ED25519) {
    if (key.size() != 32) return nullptr;
    return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes, key.size()));
  }
  Key parsed(d2i_PUBKEY(nullptr, &bytes, static_cast<long>(key.size())));
  if (!parsed || EVP_PKEY_get_base_id(parsed.get()) != EVP_PKEY_EC || EVP_PKEY_get_bits(parsed.get()) != 256)
    return nullptr;
  return parsed;
}

tomada_status verify(std::uint32_t algorithm, tomada_slice key, tomada_slice data, tomada_slice signature) {
  if (algorithm != TOMADA_VERIFY_ED25519 && algorithm != TOMADA_VERIFY_ECDSA_P256_SHA256) return TOMADA_E_UNSUPPORTED;
  const auto key_bytes = view(key), input = view(data), mark = view(signature);
  if (!key_bytes || !input || !mark) return TOMADA_E_INVALID_DATA;
  const Key loaded = load_key(algorithm, *key_bytes);
  if (!loaded) return TOMADA_E_INVALID_DATA;
  if (algorithm == TOMADA_VERIFY_ED25519 && mark->size() != 64) return TOMADA_E_INVALID_DATA;
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const EVP_MD* md = algorithm == TOMADA_VERIFY_ED25519 ? nullptr : EVP_sha256();
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, md, nullptr, loaded.get()) != 1) return TOMADA_E_INTERNAL;
  const int answer = EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(mark->data()), mark->size(),
                                      reinterpret_cast<const unsigned char*>(input->data()), input->size());
  if (answer == 1) return TOMADA_OK;
  return answer == 0 ? TOMADA_E_UNAUTHENTICATED : TOMADA_E_INVALID_DATA;
}

tomada_status equal(tomada_slice a, tomada_slice b) {
  const auto left = view(a), right = view(b);
  if (!left || !right) return TOMADA_E_INVALID_DATA;
  // The lengths are no secret; the contents are compared in constant time.
  if (left->size() != right->size()) return TOMADA_E_UNAUTHENTICATED;
  return CRYPTO_memcmp(left->data(), right->data(), left->size()) == 0 ? TOMADA_OK : TOMADA_E_UNAUTHENTICATED;
}

/// A text function of base/ as a C slot: checks the slice, lets nothing out.
template <class F>
tomada_status convert(F fn, tomada_slice data, char* out, std::uint64_t capacity, std::uint64_t* len) noexcept {
  try {
    const auto input = view(data);
    if (!input) return TOMADA_E_INVALID_DATA;
    const auto result = fn(*input);
    return give(text_of(result), out, capacity, len);
  } catch (...) {  // no memory
    return TOMADA_E_INTERNAL;
  }
}

tomada_status to_base64(tomada_slice data, char* out, std::uint64_t capacity, std::uint64_t* len) {
  return convert(base64_encode, data, out, capacity, len);
}
tomada_status from_base64(tomada_slice text, char* out, std::uint64_t capacity, std::uint64_t* len) {
  return convert(base64_decode, text, out, capacity, len);
}
tomada_status to_hex(tomada_slice data, char* out, std::uint64_t capacity, std::uint64_t* len) {
  return convert(hex_encode, data, out, capacity, len);
}
tomada_status from_hex(tomada_slice text, char* out, std::uint64_t capacity, std::uint64_t* len) {
  return convert(hex_decode, text, out, capacity, len);
}

}  // namespace

const tomada_crypto_service k_crypto_service{
    sizeof(tomada_crypto_service), 0, hash, hmac, verify, equal, to_base64, from_base64, to_hex, from_hex};

}  // namespace tomada::abi
