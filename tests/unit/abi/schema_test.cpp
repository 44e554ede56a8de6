#include "host/abi/manifest.hpp"

#include <gtest/gtest.h>

namespace tomada::abi {
namespace {

using nlohmann::json;

json schema() {
  return json::parse(R"({"type": "object", "required": ["bucket"], "additionalProperties": false, "properties": {
    "bucket": {"type": "string", "minLength": 3, "maxLength": 5}, "region": {"type": "string", "enum": ["eu", "us"]},
    "port": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535}, "name": {"type": "string", "pattern": "^[a-z]+$"},
    "rules": {"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["name"],
      "properties": {"name": {"type": "string"}}}}}})");
}

std::string refusal(const json& value, const json& rules = schema()) {
  auto checked = check_schema(rules, value, "config");
  if (checked.has_value()) return "accepted";
  EXPECT_EQ(checked.error().code, Errc::invalid_config);
  return checked.error().message;
}

TEST(Schema, AcceptsWhatFits) {
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"port", nullptr}, {"rules", {{{"name", "x"}, {"more", 1}}}}}), "accepted");
}

TEST(Schema, SaysWhichFieldAndWhy) {
  EXPECT_EQ(refusal(json::object()), "config.bucket: is required");
  EXPECT_EQ(refusal({{"bucket", 7}}), "config.bucket: must be a string");
  EXPECT_EQ(refusal({{"bucket", "ab"}}), "config.bucket: must have at least 3 characters");
  EXPECT_EQ(refusal({{"bucket", "abcdef"}}), "config.bucket: must have at most 5 characters");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"region", "mars"}}), "config.region: must be one of \"eu\", \"us\"");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"port", 0}}), "config.port: must be at least 1");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"port", "80"}}), "config.port: must be an integer or null");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"name", "A"}}), "config.name: must match the pattern \"^[a-z]+$\"");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"buckte", "x"}}), "config.buckte: is not known here");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"rules", {{{"name", "x"}}, json::object()}}}), "config.rules[1].name: is required");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"rules", json::array({1, 2, 3})}}).find("config.rules"), 0u);
  EXPECT_EQ(refusal(json::array()), "config: must be an object");
  EXPECT_EQ(refusal(nullptr), "config: must be an object");
}

TEST(Schema, TakesUnknownFieldsUnlessItSaysOtherwise) {
  json open = schema();
  open.erase("additionalProperties");
  EXPECT_EQ(refusal({{"bucket", "abc"}, {"other", 1}}, open), "accepted");
}

TEST(Schema, NeverShowsTheValue) {
  EXPECT_EQ(refusal({{"bucket", "hunter2-is-secret"}}).find("hunter2"), std::string::npos);
}

TEST(Schema, BearsAMalformedSchema) {
  EXPECT_EQ(refusal({{"a", 1}}, "no object"), "config: its schema must be an object");
  EXPECT_NE(refusal({{"a", 1}}, {{"type", 7}, {"minimum", "x"}, {"properties", 3}, {"required", "a"}}), "");
  json deep = json::object();
  for (int i = 0; i < 100; ++i) deep = json{{"a", deep}};
  EXPECT_EQ(refusal(deep, json::object()), "config: is nested deeper than 64 levels");
}

}  // namespace
}  // namespace tomada::abi
