#include "host/abi/thunks.hpp"

#include "host/base/encoding.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <tomada/plugin.h>

#include <array>
#include <string>

namespace tomada::abi {
namespace {

tomada_slice slice(std::string_view text) { return {text.data(), text.size()}; }

template <class F, class... Args>
std::string text_of(F function, Args... args) {
  std::array<char, 512> out{};
  std::uint64_t len = 0;
  EXPECT_EQ(function(args..., out.data(), out.size(), &len), TOMADA_OK);
  return {out.data(), len};
}

const tomada_crypto_service& crypto = k_crypto_service;

TEST(Crypto, DigestsMatchKnownValues) {
  EXPECT_EQ(hex_encode(text_of(crypto.hash, TOMADA_SHA256, slice("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(text_of(crypto.hash, TOMADA_MD5, slice(""))), "d41d8cd98f00b204e9800998ecf8427e");
  // RFC 4231, test case 2.
  EXPECT_EQ(hex_encode(text_of(crypto.hmac, TOMADA_SHA256, slice("Jefe"), slice("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Crypto, VerifiesEd25519AndTellsWrongFromMalformed) {
  // RFC 8032, 7.1, test 2.
  const auto key = *hex_decode("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const auto mark = *hex_decode(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
      "b00d291612bb0c00");
  EXPECT_EQ(crypto.verify(TOMADA_VERIFY_ED25519, slice(key), slice("\x72"), slice(mark)), TOMADA_OK);
  EXPECT_EQ(crypto.verify(TOMADA_VERIFY_ED25519, slice(key), slice("\x73"), slice(mark)), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(crypto.verify(TOMADA_VERIFY_ED25519, slice("short"), slice("\x72"), slice(mark)), TOMADA_E_INVALID_DATA);
  EXPECT_EQ(crypto.verify(99, slice(key), slice("\x72"), slice(mark)), TOMADA_E_UNSUPPORTED);
}

TEST(Crypto, VerifiesEcdsaP256) {
  EVP_PKEY* pair = EVP_EC_gen("P-256");
  ASSERT_NE(pair, nullptr);
  unsigned char* der = nullptr;
  const int der_len = i2d_PUBKEY(pair, &der);
  const std::string key(reinterpret_cast<char*>(der), static_cast<std::size_t>(der_len));
  OPENSSL_free(der);
  std::array<unsigned char, 128> mark{};
  std::size_t mark_len = mark.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, pair);
  ASSERT_EQ(EVP_DigestSign(context, mark.data(), &mark_len, reinterpret_cast<const unsigned char*>("event"), 5), 1);
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(pair);
  const std::string_view signature(reinterpret_cast<char*>(mark.data()), mark_len);
  EXPECT_EQ(crypto.verify(TOMADA_VERIFY_ECDSA_P256_SHA256, slice(key), slice("event"), slice(signature)), TOMADA_OK);
  EXPECT_EQ(crypto.verify(TOMADA_VERIFY_ECDSA_P256_SHA256, slice(key), slice("evenT"), slice(signature)),
            TOMADA_E_UNAUTHENTICATED);
}

TEST(Crypto, ComparesAndSaysHowMuchRoomIsNeeded) {
  EXPECT_EQ(crypto.equal(slice("same"), slice("same")), TOMADA_OK);
  EXPECT_EQ(crypto.equal(slice("same"), slice("samE")), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(crypto.equal(slice("same"), slice("longer")), TOMADA_E_UNAUTHENTICATED);
  std::uint64_t len = 0;
  EXPECT_EQ(crypto.hash(TOMADA_SHA1, slice("x"), nullptr, 0, &len), TOMADA_E_INVALID_DATA);
  EXPECT_EQ(len, 20u);
  EXPECT_EQ(crypto.hash(77, slice("x"), nullptr, 0, &len), TOMADA_E_UNSUPPORTED);
  EXPECT_EQ(crypto.hash(TOMADA_SHA1, {nullptr, 5}, nullptr, 0, &len), TOMADA_E_INVALID_DATA);
}

TEST(Crypto, EncodesAndRefusesBadText) {
  EXPECT_EQ(text_of(crypto.base64_encode, slice("foob")), "Zm9vYg==");
  EXPECT_EQ(text_of(crypto.base64_decode, slice("Zm9vYg")), "foob");
  EXPECT_EQ(text_of(crypto.hex_encode, slice("\x01\xff")), "01ff");
  std::uint64_t len = 0;
  std::array<char, 8> out{};
  EXPECT_EQ(crypto.hex_decode(slice("xy"), out.data(), out.size(), &len), TOMADA_E_INVALID_DATA);
}

}  // namespace
}  // namespace tomada::abi
