#include "host/plugin/signature.hpp"

#include "host/base/encoding.hpp"

#include <gtest/gtest.h>

namespace tomada::plugin {
namespace {

// Of RFC 8410, sections 10.3 and 10.1: a private ed25519 key and its public part.
constexpr std::string_view k_private = "-----BEGIN PRIVATE KEY-----\n"
                                       "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                                       "-----END PRIVATE KEY-----\n";
constexpr std::string_view k_public = "-----BEGIN PUBLIC KEY-----\n"
                                      "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                                      "-----END PUBLIC KEY-----\n";
constexpr std::string_view k_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

Signature signature() { return *sign(Secret(k_private), k_sha256); }

TEST(Signature, SignsWhatItsPublicKeyVerifies) {
  EXPECT_EQ(signature().key, *parse_public_key(k_public));
  EXPECT_TRUE(fits(signature(), k_sha256));
  EXPECT_EQ(format_public_key(signature().key), k_public);
  EXPECT_EQ(signed_text(k_sha256), "tomada-plugin-sha256:" + std::string(k_sha256));
}

TEST(Signature, IsTheSameBytesAsOpenSslOnTheCommandLineMakes) {
  // printf %s tomada-plugin-sha256:9f86… >t; openssl pkeyutl -sign -rawin -inkey KEY -in t | base64
  EXPECT_EQ(format_signature(signature()),
            "tomada-signature-1 Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE= "
            "Ht8+tN7rnnP0P2Lyxd9ITsmcRXAC7VYOYzbeXTt2ubjPa4olulaAtqe4UHHFCx4kGue6aLQ7Oys4TaiAL9KcAg==\n");
}

TEST(Signature, DoesNotFitOtherBytesOrAnotherKeyOrAChangedValue) {
  std::string other(k_sha256);
  other.back() = '9';
  EXPECT_FALSE(fits(signature(), other));
  for (const std::size_t at : {0u, 31u, 32u, 63u}) {
    Signature changed = signature();
    changed.value[at] ^= 1;
    EXPECT_FALSE(fits(changed, k_sha256)) << at;
  }
  Signature changed = signature();
  changed.key[0] ^= 1;
  EXPECT_FALSE(fits(changed, k_sha256));
}

TEST(Signature, IsReadAsItWasWritten) {
  EXPECT_EQ(*parse_signature(format_signature(signature())), signature());
  std::string text = format_signature(signature());
  text.insert(text.size() - 1, "\r");
  EXPECT_EQ(*parse_signature(text), signature()) << "a copy over Windows";
}

TEST(Signature, RefusesAnyOtherText) {
  const std::string good = format_signature(signature());
  for (const std::string& bad : {std::string(), std::string("\n"), std::string("tomada-signature-1"), std::string("tomada-signature-1 "),
                                 std::string("tomada-signature-2") + good.substr(18), good.substr(0, good.size() - 6), good + good,
                                 "x" + good, std::string(1024, 'A')}) {
    const auto parsed = parse_signature(bad);
    ASSERT_TRUE(parsed.has_error()) << bad;
    EXPECT_EQ(parsed.error().code, Errc::invalid_data);
  }
}

TEST(Signature, ANewcomersWrongKeysAreNamed) {
  EXPECT_NE(sign(Secret(k_public), k_sha256).error().message.find("openssl genpkey"), std::string::npos);
  EXPECT_NE(parse_public_key(k_private).error().message.find("-pubout"), std::string::npos);
  EXPECT_TRUE(sign(Secret(std::string("rubbish")), k_sha256).has_error());
  // openssl genpkey -algorithm x25519: a key of the same length for something else.
  EXPECT_TRUE(parse_public_key("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n-----END PUBLIC KEY-----\n").has_error());
}

TEST(Signature, AFingerprintIsShortAndTheKeysOwn) {
  EXPECT_EQ(fingerprint(signature().key).size(), std::string("ed25519:").size() + 16);
  EXPECT_NE(fingerprint(signature().key), fingerprint(PublicKey{}));
}

}  // namespace
}  // namespace tomada::plugin
