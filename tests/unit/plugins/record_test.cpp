#include <tomada/record.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>

namespace {

using namespace tomada::sdk;
using namespace std::string_view_literals;

std::string as_json(std::string_view text) {
  std::string out;
  JsonText::append_string(out, text);
  return out;
}

TEST(JsonText, EscapesWhatJsonForbidsAndPassesUtf8Through) {
  EXPECT_EQ(as_json("a\"b\\c\n\r\t\x01\x1f/é€😀"), R"("a\"b\\c\n\r\t\u0001\u001f/é€😀")");
  EXPECT_EQ(as_json("\0"sv), R"("\u0000")");
}

TEST(JsonText, ReplacesEachByteThatIsNotUtf8) {
  EXPECT_EQ(as_json("a\xFFz"), "\"a\uFFFDz\"");
  EXPECT_EQ(as_json("\xC0\xAF"), "\"\uFFFD\uFFFD\"");                      // overlong
  EXPECT_EQ(as_json("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");            // surrogate
  EXPECT_EQ(as_json("\xF4\x90\x80\x80"), "\"\uFFFD\uFFFD\uFFFD\uFFFD\"");  // above U+10FFFF
  EXPECT_EQ(as_json("\xE2\x82"), "\"\uFFFD\uFFFD\"");                      // cut at the end
}

TEST(JsonText, EveryTextIsReadBackByAJsonReader) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      ASSERT_TRUE(nlohmann::json::accept(as_json({bytes, 2}))) << first << ' ' << second;
    }
}

TEST(Record, WritesMinifiedMembersInOrder) {
  const std::string name = "n";
  const std::string json = Record("1")
                               .field("text", name)
                               .field("literal", "x")
                               .field("count", std::uint64_t{18446744073709551615u})
                               .field("low", std::numeric_limits<std::int64_t>::min())
                               .field("ratio", 0.1)
                               .field("big", 1e300)
                               .field("off", false)
                               .json();
  EXPECT_EQ(json, R"({"text":"n","literal":"x","count":18446744073709551615,"low":-9223372036854775808,)"
                  R"("ratio":0.1,"big":1e+300,"off":false})");
}

TEST(Record, NestsObjectsArraysRawJsonAndAbsence) {
  Array tags;
  tags.add("a").add(2).add(nullptr);
  Object owner;
  owner.field("id", 7).field("empty", Object()).field("none", Array());
  const std::string json = Record("1")
                               .field("tags", tags)
                               .field("owner", owner)
                               .field("raw", RawJson{R"([{"x":1}])"})
                               .field("gone", std::optional<int>())
                               .field("there", std::optional<std::string>("y"))
                               .json();
  EXPECT_EQ(json,
            R"({"tags":["a",2,null],"owner":{"id":7,"empty":{},"none":[]},"raw":[{"x":1}],"gone":null,"there":"y"})");
}

TEST(Record, WritesNumbersThatJsonLacksAsNull) {
  EXPECT_EQ(Record("1").field("x", std::numeric_limits<double>::quiet_NaN()).json(), R"({"x":null})");
  EXPECT_EQ(Record("1").field("x", -std::numeric_limits<double>::infinity()).json(), R"({"x":null})");
}

TEST(Record, WithoutMembersIsAnEmptyObject) { EXPECT_EQ(Record("1").json(), "{}"); }

}  // namespace
