// What a manifest may say about its webhooks, and what it may not.
#include "host/scheme/scheme.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tomada::scheme {
namespace {

using nlohmann::json;

json simple() {
  return json::parse(R"({
    "schemes": [{"id": "v1", "algorithm": "hmac-sha256", "signature": {"header": "X-Signature"}, "signed": "{body}"}]})");
}

std::string refusal(const json& document, const json* config = nullptr) {
  const auto compiled = Webhook::compile(document, config);
  return compiled.has_error() ? compiled.error().message : "accepted";
}

TEST(SchemeDocument, AcceptsTheShortestOne) { EXPECT_EQ(refusal(simple()), "accepted"); }

TEST(SchemeDocument, RefusesEachMistakeByItsPath) {
  const auto with = [](auto change) {
    json document = simple();
    change(document);
    return refusal(document);
  };
  EXPECT_EQ(with([](json& d) { d["scheme"] = 1; }).substr(0, 28), "webhook.scheme: unknown fiel");
  EXPECT_EQ(with([](json& d) { d.erase("schemes"); }), "webhook.schemes: must name at least one scheme");
  EXPECT_EQ(with([](json& d) { d["schemes"][0].erase("id"); }), "webhook.schemes[0].id: missing");
  EXPECT_EQ(with([](json& d) { d["schemes"].push_back(d["schemes"][0]); }), "webhook.schemes[1].id: is there twice");
  EXPECT_EQ(with([](json& d) { d["schemes"][0]["algorithm"] = "md5"; }).substr(0, 49),
            "webhook.schemes[0].algorithm: must be one of: hma");
  EXPECT_EQ(with([](json& d) { d["schemes"][0].erase("signature"); }), "webhook.schemes[0].signature: missing");
  EXPECT_EQ(with([](json& d) { d["schemes"][0]["signature"]["query"] = "x"; }),
            "webhook.schemes[0].signature: must name one of header, query and json");
  EXPECT_EQ(with([](json& d) { d["schemes"][0]["signed"] = "{bod}"; }).substr(0, 42),
            "webhook.schemes[0].signed: unknown \"{bod}\"");
  EXPECT_EQ(with([](json& d) { d["schemes"][0]["signed"] = "{body"; }),
            "webhook.schemes[0].signed: a \"{\" without its \"}\" (a brace itself is written twice)");
  EXPECT_EQ(with([](json& d) { d["schemes"][0]["signed"] = "{timestamp}.{body}"; }),
            "webhook.schemes[0].signed: has {timestamp}, but the scheme names no timestamp");
  EXPECT_EQ(with([](json& d) {
              d["schemes"][0]["when_config"] = {{"preset", json::object()}};
            }),
            "webhook.schemes[0].when_config.preset: must be a value or a list of values");
  EXPECT_EQ(with([](json& d) { d["schemes"][0]["tolerance_s"] = -1; }),
            "webhook.schemes[0].tolerance_s: must be a whole number from 0 to 86400");
  EXPECT_EQ(with([](json& d) {
              d["handshakes"] = json::array({json::object({{"reply", json::object()}})});
            }),
            "webhook.handshakes[0]: must have a method or conditions: it would take every event");
}

TEST(SchemeDocument, RefusesASignatureThatLeavesTheEventOut) {
  json document = simple();
  document["schemes"][0]["signed"] = "{method}";
  EXPECT_NE(refusal(document).find("else anybody could change the event"), std::string::npos);
  document["schemes"][0] = {
      {"id", "x"}, {"algorithm", "sha256"}, {"signature", {{"header", "X"}}}, {"signed", "{body}"}};
  EXPECT_EQ(refusal(document), "webhook.schemes[0].signed: a plain digest must contain {secret}");
}

/// A digest of the body counts only where it is compared with something that is signed.
TEST(SchemeDocument, KnowsWhetherADigestBindsTheBody) {
  json document = simple();
  json& scheme = document["schemes"][0];
  scheme["signed"] = "{header:X-Digest}";
  scheme["when"] = json::array({{{"value", "{header:X-Digest}"}, {"equals", "{body_sha256}"}}});
  EXPECT_EQ(refusal(document), "accepted");
  scheme["when"][0]["value"] = "{header:X-Other}";
  EXPECT_NE(refusal(document).find("else anybody could change the event"), std::string::npos);
  scheme["when"][0]["value"] = "{body_sha256}";
  EXPECT_NE(refusal(document).find("else anybody could change the event"), std::string::npos);
  scheme["when"][0] = {{"value", "{query:digest}"}, {"equals", "{body_sha256}"}};
  EXPECT_NE(refusal(document).find("else anybody could change the event"), std::string::npos);
  scheme["signed"] = "{url}";
  EXPECT_EQ(refusal(document), "accepted");
}

TEST(SchemeDocument, TakesValuesFromTheConfiguration) {
  json document = simple();
  document["schemes"][0]["signature"] = {{"header", "{config:header|X-Signature}"}, {"prefix", "{config:prefix|}"}};
  document["schemes"][0]["signed"] = "{config:signed|{body}}";
  const json good{{"header", "X-Mine"}, {"prefix", "v1="}, {"signed", "{method}{body}"}};
  EXPECT_EQ(refusal(document), "accepted");
  EXPECT_EQ(refusal(document, &good), "accepted");
  const json bad{{"signed", "{nothing}"}};
  const auto compiled = Webhook::compile(document, &bad);
  ASSERT_TRUE(compiled.has_error());
  EXPECT_EQ(compiled.error().code, Errc::invalid_config);
  EXPECT_EQ(compiled.error().message.substr(0, 25), "webhook.schemes[0].signed");
}

TEST(SchemeDocument, ChoosesTheSchemesOfTheConfiguration) {
  json document = simple();
  document["schemes"][0]["when_config"] = {{"preset", json::array({"custom", nullptr})}};
  document["schemes"].push_back(json::parse(
      R"({"id": "other", "when_config": {"preset": "other"}, "algorithm": "token", "signature": {"header": "X-Token"}})"));
  const auto header_of = [&](const json& config) {
    const auto compiled = Webhook::compile(document, &config);
    return compiled.has_value() && !(*compiled)->secret_headers().empty() ? (*compiled)->secret_headers().front() : "";
  };
  EXPECT_EQ(header_of(json::object()), "");
  EXPECT_EQ(header_of({{"preset", "other"}}), "x-token");
  const json none{{"preset", "third"}};
  EXPECT_EQ(refusal(document, &none), "webhook.schemes: none is for this configuration");
}

}  // namespace
}  // namespace tomada::scheme
