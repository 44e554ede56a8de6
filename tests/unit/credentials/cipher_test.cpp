#include "host/credentials/cipher.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace tomada::credentials {
namespace {

TEST(Cipher, OpensWhatItSealed) {
  const auto key = Key::random();
  for (const std::string& clear : {std::string(), std::string("x"), std::string(100'000, 'y')}) {
    std::string opened = "before";
    ASSERT_TRUE(open_bytes(*key, seal_bytes(*key, clear, "context"), "context", opened));
    EXPECT_EQ(opened, clear);
  }
}

TEST(Cipher, SealsTheSameTextDifferentlyEachTime) {
  const auto key = Key::random();
  EXPECT_NE(seal_bytes(*key, "text", "c"), seal_bytes(*key, "text", "c"));
}

TEST(Cipher, RefusesEveryFlippedBitAndEveryCut) {
  const auto key = Key::random();
  const std::string sealed = seal_bytes(*key, "secret", "context");
  std::string clear;
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string broken = sealed;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(open_bytes(*key, broken, "context", clear)) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(open_bytes(*key, sealed.substr(0, size), "context", clear)) << size;
  EXPECT_FALSE(open_bytes(*key, sealed + 'x', "context", clear));
  EXPECT_FALSE(open_bytes(*key, sealed, "other", clear));
  EXPECT_FALSE(open_bytes(*Key::random(), sealed, "context", clear));
  EXPECT_EQ(clear, "");
}

TEST(Cipher, ContextsOfDifferentPartsDiffer) {
  EXPECT_NE(context_of({"ab", "c"}), context_of({"a", "bc"}));
  EXPECT_NE(context_of({"a", ""}), context_of({"a"}));
}

TEST(Key, IsNamedByItsBytes) {
  const std::string bytes(k_key_bytes, 'k');
  EXPECT_EQ(Key::copy_of(bytes)->id(), Key::copy_of(bytes)->id());
  EXPECT_NE(Key::random()->id(), Key::random()->id());
}

TEST(Key, ThousandsOfThemOutliveTheSecureHeap) {
  std::vector<std::shared_ptr<const Key>> keys;
  for (int i = 0; i < 20'000; ++i) keys.push_back(Key::random());
  EXPECT_NE(keys.front()->expose_key(), keys.back()->expose_key());
}

}  // namespace
}  // namespace tomada::credentials
