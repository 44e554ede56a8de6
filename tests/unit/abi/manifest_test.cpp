#include "host/abi/manifest.hpp"

#include <gtest/gtest.h>

namespace tomada::abi {
namespace {

using nlohmann::json;

json valid() {
  return json::parse(R"({
    "id": "aws-s3", "name": "AWS S3", "version": "0.1.0", "publisher": "Tomada", "licence": "MIT", "language": "c++",
    "abi": {"major": 1, "min_minor": 0}, "call_model": "coroutine", "concurrency": "parallel", "stack_bytes": 131072,
    "services": {"required": ["unstable.call/1"], "optional": ["unstable.log/1"]},
    "hosts": ["*.amazonaws.com", "{bucket}.example.com"], "capabilities": ["secrets"],
    "auth": [{"type": "aws_sigv4", "service": "s3", "region": "{region}"},
             {"type": "headers", "headers": [{"in": "query", "name": "key", "value": "k {token}"}]},
             {"type": "basic", "username": "{token}", "password": ""}, {"type": "none"}],
    "config_schema": {"type": "object", "properties": {"bucket": {"type": "string"}, "region": {"type": "string"}}},
    "credentials_schema": {"type": "object", "required": ["token"],
                           "properties": {"token": {"type": "string", "secret": true}, "user": {"type": "string"}}},
    "entities": [{"name": "object", "modes": ["full", "incremental"], "description": "An object"}],
    "support_level": "official", "x-note": 1, "actions": [], "limits": {}})");
}

std::string refusal(const json& document) {
  auto manifest = parse_manifest(document.dump());
  return manifest.has_error() ? manifest.error().message : "accepted";
}

TEST(Manifest, CompilesItsWebhook) {
  json document = valid();
  document["auth"][2]["password"] = "{token}";
  EXPECT_EQ(parse_manifest(document.dump())->webhook, nullptr);
  document["webhook"] = json::parse(R"({"schemes": [{"id": "v1", "algorithm": "hmac-sha256", "secret": {"field": "token"},
      "signature": {"header": "{config:region|X-Signature}"}, "signed": "{body}"}]})");
  EXPECT_EQ(refusal(document), "accepted");
  json& scheme = document["webhook"]["schemes"][0];
  scheme["secret"]["field"] = "other";
  EXPECT_EQ(refusal(document), "webhook: the secret \"other\" is no property of credentials_schema");
  scheme["secret"]["field"] = "token";
  scheme["signature"]["header"] = "{config:other|X}";
  EXPECT_EQ(refusal(document), "webhook: {config:other} is no property of config_schema");
  scheme["signature"]["header"] = "X";
  scheme["when_config"] = {{"region", "x"}};
  EXPECT_EQ(refusal(document), "accepted");
  scheme["when_config"] = {{"other", "x"}};
  EXPECT_EQ(refusal(document), "webhook.schemes[0].when_config.other: is no property of config_schema");
  scheme["signed"] = "nothing";
  EXPECT_EQ(refusal(document).substr(0, 27), "webhook.schemes[0].signed: ");
}

TEST(Manifest, ReadsEveryField) {
  json document = valid();
  document["auth"][2]["password"] = "{token}";
  auto parsed = parse_manifest(document.dump());
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  const Manifest& manifest = *parsed;
  EXPECT_EQ(manifest.id, "aws-s3");
  EXPECT_EQ(manifest.concurrency, Concurrency::parallel);
  EXPECT_EQ(manifest.stack_bytes, 131072u);
  EXPECT_EQ(manifest.services_optional, std::vector<std::string>{"unstable.log/1"});
  ASSERT_EQ(manifest.auth.size(), 4u);
  EXPECT_EQ(manifest.auth[0].region, "{region}");
  EXPECT_TRUE(manifest.auth[1].placements.at(0).in_query);
  EXPECT_EQ(manifest.auth[3].kind, AuthMethod::Kind::none);
  EXPECT_EQ(manifest.credential_fields_required, std::vector<std::string>{"token"});
  EXPECT_EQ(manifest.credential_fields_secret, std::vector<std::string>{"token"});
  EXPECT_TRUE(manifest.entities.at(0).full && manifest.entities.at(0).incremental);
  EXPECT_EQ(manifest.support_level, "official");
}

TEST(Manifest, NamesThePathOfWhatIsWrong) {
  const auto changed = [](const char* pointer, json value) {
    json document = valid();
    document["auth"][2]["password"] = "{token}";
    document[json::json_pointer(pointer)] = std::move(value);
    return refusal(document);
  };
  EXPECT_EQ(changed("/id", "AWS S3"), "id: must be 1 to 64 of a-z, 0-9 and -");
  EXPECT_EQ(changed("/version", "1.0"), "version: must be a semantic version such as 1.2.3");
  EXPECT_EQ(changed("/call_model", "fibre"), "call_model: must be one of coroutine, thread");
  EXPECT_EQ(changed("/stack_bytes", 1024), "stack_bytes: must be a whole number from 65536 to 1048576");
  EXPECT_EQ(changed("/services/required/0", 7), "services.required[0]: must be a string that is not empty");
  EXPECT_EQ(changed("/capabilities/0", "root"), "capabilities[0]: must be \"secrets\", the only one that is known");
  EXPECT_EQ(changed("/hosts/0", "https://x.com"), "hosts[0]: must be a host name without scheme, port or path");
  EXPECT_EQ(changed("/auth/0/region", "{regoin}"), "auth[0].region: names the field regoin, which neither schema has");
  EXPECT_EQ(changed("/auth/0/type", "magic"), "auth[0].type: must be one of none, headers, basic, aws_sigv4");
  EXPECT_EQ(changed("/auth/1/headers/0/value", "{token"), "auth[1].headers[0].value: has a brace without its pair");
  EXPECT_EQ(changed("/entities/0/name", json()), "entities[0].name: must be a string that is not empty");
  EXPECT_EQ(changed("/entities/0/modes", json::array({"some"})), "entities[0].modes: must be of full and incremental");
  EXPECT_EQ(changed("/config_schema", "none"), "config_schema: must be an object");
  EXPECT_EQ(changed("/config_schema/properties/bucket/required", true),
            "config_schema.properties.bucket.required: must be a list of names (draft 4: the object says which of its "
            "fields are required)");
  EXPECT_EQ(changed("/webhook", 1), "webhook: must be an object");
  EXPECT_EQ(changed("/entites", json::array()), "entites: is no field of a manifest; names of your own start with x-");
}

TEST(Manifest, NamesWhatIsMissing) {
  for (const char* field : {"id", "name", "version", "publisher", "licence", "language", "abi", "call_model", "services"}) {
    json document = valid();
    document["auth"] = json::array();
    document.erase(field);
    EXPECT_EQ(refusal(document), std::string(field) + ": missing");
  }
  json document = valid();
  document["entities"][0].erase("name");
  document["auth"] = json::array();
  EXPECT_EQ(refusal(document), "entities[0].name: missing");
}

TEST(Manifest, RefusesAnotherAbiBeforeItJudgesAnythingElse) {
  json document = valid();
  document["abi"]["min_minor"] = 9;
  document["a_field_of_the_future"] = 1;
  const auto parsed = parse_manifest(document.dump());
  ASSERT_TRUE(parsed.has_error());
  EXPECT_EQ(parsed.error().code, Errc::too_new);
  EXPECT_EQ(parsed.error().message, "abi: needs 1.9; this host serves 1.0 to 1.0");
}

TEST(Manifest, RefusesWhatIsNoJsonObject) {
  EXPECT_TRUE(parse_manifest("").has_error());
  EXPECT_TRUE(parse_manifest("[]").has_error());
  EXPECT_TRUE(parse_manifest("{\"id\": \"\xff\"}").has_error());
  EXPECT_TRUE(parse_manifest(std::string(100'000, '[')).has_error());
  EXPECT_TRUE(parse_manifest(std::string(k_manifest_bytes_max + 1, ' ')).has_error());
}

TEST(Template, FillsFieldsFromValues) {
  const json values{{"token", "t"}, {"port", 8080}, {"tls", true}, {"list", json::array()}};
  EXPECT_EQ(*fill_template("Bearer {token}", values), "Bearer t");
  EXPECT_EQ(*fill_template("{port}/{tls}", values), "8080/true");
  EXPECT_EQ(*fill_template("plain", json()), "plain");
  EXPECT_EQ(fill_template("{missing}", values).error().message, "missing: is required here but not set");
  EXPECT_EQ(fill_template("{token}", json()).error().code, Errc::invalid_config);
  EXPECT_TRUE(fill_template("{list}", values).has_error());
  EXPECT_TRUE(fill_template("{token", values).has_error());
}

}  // namespace
}  // namespace tomada::abi
