#include "host/base/encoding.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tomada {
namespace {

TEST(Encoding, RoundTripsEveryLengthAndByte) {
  std::mt19937 random(7);
  for (std::size_t length = 0; length < 300; ++length) {
    std::string bytes(length, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(hex_decode(hex_encode(bytes)), bytes);
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    EXPECT_EQ(percent_decode(percent_encode(bytes)), bytes);
  }
}

TEST(Encoding, Base64MatchesRfc4648) {
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_decode("Zm8"), "fo");
  EXPECT_EQ(base64_decode("-_8="), base64_decode("+/8="));
}

TEST(Encoding, RefusesWhatIsNotTheEncoding) {
  EXPECT_FALSE(base64_decode("Zg=a"));
  EXPECT_FALSE(base64_decode("Z"));
  EXPECT_FALSE(base64_decode("Zm 9v"));
  EXPECT_FALSE(hex_decode("abc"));
  EXPECT_FALSE(hex_decode("zz"));
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_FALSE(percent_decode("%zz"));
}

TEST(Encoding, PercentKeepsUnreservedAndAskedCharacters) {
  EXPECT_EQ(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
  EXPECT_EQ(percent_encode("a b/c", "/"), "a%20b/c");
}

TEST(Encoding, Utf8RefusesOverlongSurrogateAndCutText) {
  EXPECT_TRUE(is_utf8("Gestão Click ✓ 🚀"));
  EXPECT_FALSE(is_utf8("\xc0\xaf"));
  EXPECT_FALSE(is_utf8("\xe0\x80\xaf"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(is_utf8("\xe2\x82"));
  EXPECT_FALSE(is_utf8("\xff"));
}

TEST(Encoding, TimesRoundTripAndUnderstandOffsets) {
  EXPECT_EQ(format_time(1736523000000), "2025-01-10T15:30:00.000Z");
  EXPECT_EQ(parse_time("2025-01-10T15:30:00.000Z"), 1736523000000);
  EXPECT_EQ(parse_time("2025-01-10T12:30:00-03:00"), 1736523000000);
  EXPECT_EQ(parse_time("2025-01-10T15:30:00.5Z"), 1736523000500);
  EXPECT_EQ(parse_time(format_time(-1)), -1);
  EXPECT_FALSE(parse_time("2025-01-10"));
  EXPECT_FALSE(parse_time("2025-13-10T15:30:00Z"));
  EXPECT_FALSE(parse_time("2025-01-10T15:30:00"));
}

}  // namespace
}  // namespace tomada
