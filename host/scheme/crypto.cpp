#include "host/scheme/crypto.hpp"

#include "host/base/assert.hpp"
#include "host/base/encoding.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

namespace tomada::scheme {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

const EVP_MD* md_of(Digest algorithm) {
  switch (algorithm) {
    case Digest::sha1:
      return EVP_sha1();
    case Digest::sha256:
      return EVP_sha256();
    case Digest::sha384:
      return EVP_sha384();
    case Digest::sha512:
      return EVP_sha512();
  }
  return nullptr;
}

/// Looking the algorithm up costs more than a kilobyte of HMAC: each thread does it once for each digest.
EVP_MAC_CTX* hmac_context(Digest algorithm) {
  thread_local std::array<Owned<EVP_MAC_CTX>, 4> contexts;
  auto& context = contexts[static_cast<std::size_t>(algorithm)];
  if (context) return context.get();
  const Owned<EVP_MAC> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  context.reset(EVP_MAC_CTX_new(mac.get()));
  std::string name = EVP_MD_get0_name(md_of(algorithm));
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
                                   OSSL_PARAM_construct_end()};
  TOMADA_ASSERT(context && EVP_MAC_CTX_set_params(context.get(), parameters) == 1);
  return context.get();
}

bool verify_with(EVP_PKEY* key, const EVP_MD* md, std::string_view data, std::string_view signature) {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, md, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(data), data.size()) == 1;
}

Owned<EVP_PKEY> public_key(std::string_view key) {
  if (key.size() > 16 * 1024) return nullptr;
  if (key.find("-----BEGIN") != std::string_view::npos) {
    const Owned<BIO> bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    return Owned<EVP_PKEY>(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  }
  const unsigned char* at = bytes_of(key);
  return Owned<EVP_PKEY>(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.size())));
}

}  // namespace

std::string digest(Digest algorithm, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  TOMADA_ASSERT(EVP_Digest(data.data(), data.size(), out.data(), &size, md_of(algorithm), nullptr) == 1);
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hmac(Digest algorithm, std::string_view key, std::string_view data) {
  EVP_MAC_CTX* context = hmac_context(algorithm);
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  std::size_t size = 0;
  // OpenSSL takes a null key for "the last one".
  const unsigned char* key_bytes = key.empty() ? reinterpret_cast<const unsigned char*>("") : bytes_of(key);
  TOMADA_ASSERT(EVP_MAC_init(context, key_bytes, key.size(), nullptr) == 1 &&
                EVP_MAC_update(context, bytes_of(data), data.size()) == 1 &&
                EVP_MAC_final(context, out.data(), &size, out.size()) == 1);
  return {reinterpret_cast<const char*>(out.data()), size};
}

bool verify_ed25519(std::string_view key, std::string_view data, std::string_view signature) {
  if (key.size() != 32 || signature.size() != 64) return false;
  const Owned<EVP_PKEY> loaded(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(key), key.size()));
  return loaded && verify_with(loaded.get(), nullptr, data, signature);
}

bool verify_ecdsa_p256(std::string_view key, std::string_view data, std::string_view signature) {
  const auto loaded = public_key(key);
  if (!loaded || EVP_PKEY_get_base_id(loaded.get()) != EVP_PKEY_EC || EVP_PKEY_get_bits(loaded.get()) != 256)
    return false;
  return verify_with(loaded.get(), EVP_sha256(), data, signature);
}

bool verify_rsa_sha256(std::string_view key, std::string_view data, std::string_view signature) {
  const auto loaded = public_key(key);
  if (!loaded || EVP_PKEY_get_base_id(loaded.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(loaded.get()) < 2048)
    return false;
  return verify_with(loaded.get(), EVP_sha256(), data, signature);
}

std::optional<std::string> ecdsa_to_der(std::string_view r_and_s) {
  if (r_and_s.size() != 64) return std::nullopt;
  const Owned<ECDSA_SIG> signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes_of(r_and_s), 32, nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(r_and_s) + 32, 32, nullptr);
  if (!signature || ECDSA_SIG_set0(signature.get(), r, s) != 1) return std::nullopt;
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string> strict_base64_decode(std::string_view text) {
  if (text.find_first_of("-_") != std::string_view::npos) return std::nullopt;
  return base64_decode(text);
}

}  // namespace tomada::scheme
