#include "host/abi/canonical_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tomada::abi {
namespace {

TEST(CanonicalJson, SortsKeysAndDropsSpacesAtEveryLevel) {
  CanonicalJson canonical;
  EXPECT_EQ(*canonical.object(R"( { "b" : [ 1 , { "z":null,"a":true } ] , "a" : { } } )"),
            R"({"a":{},"b":[1,{"a":true,"z":null}]})");
}

TEST(CanonicalJson, SpellsTextsInOneWay) {
  CanonicalJson canonical;
  EXPECT_EQ(*canonical.object(R"({"a":"\u00e3\/\"\\\n\u0001\t é"})"), R"({"a":"ã/\"\\\n\u0001\t é"})");
  EXPECT_EQ(*canonical.object(R"({"\u0061":1})"), R"({"a":1})");
}

TEST(CanonicalJson, KeepsNumbersExactAndTellsOneFromOnePointZero) {
  CanonicalJson canonical;
  EXPECT_EQ(*canonical.object(R"({"a":[1,1.0,2.50,-3,18446744073709551615,9007199254740993,1e3]})"),
            R"({"a":[1,1.0,2.5,-3,18446744073709551615,9007199254740993,1000.0]})");
  EXPECT_TRUE(canonical.object(R"({"a":123456789012345678901234567890})").has_value());
}

TEST(CanonicalJson, OfAKeyGivenTwiceTheLastCounts) {
  CanonicalJson canonical;
  EXPECT_EQ(*canonical.object(R"({"a":1,"b":2,"a":3})"), R"({"a":3,"b":2})");
}

TEST(CanonicalJson, ItsResultIsItsOwnCanonicalFormAndMeansTheSame) {
  CanonicalJson canonical;
  for (const char* text : {R"({"x":{"y":[[],{},"",0,-0.5,1e-7,1.7976931348623157e308]},"":"empty key"})",
                           R"({"emoji":"🚀","del":"\u007f","nested":{"b":{"c":{"a":[{"k":"v"}]}}}})"}) {
    const auto once = canonical.object(text);
    ASSERT_TRUE(once.has_value());
    EXPECT_EQ(*canonical.object(*once), *once);
    EXPECT_EQ(nlohmann::json::parse(*once), nlohmann::json::parse(text));
  }
}

TEST(CanonicalJson, RefusesWhatIsNoObject) {
  CanonicalJson canonical;
  for (const char* text : {"", "[]", "1", "{", "{\"a\":}", "{\"a\":1}x", "{'a':1}", "{\"a\":01}", "{\"a\":\"\xff\"}"})
    EXPECT_EQ(canonical.object(text).error().code, Errc::invalid_data) << text;
  EXPECT_TRUE(canonical.object("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}").has_error());
}

}  // namespace
}  // namespace tomada::abi
