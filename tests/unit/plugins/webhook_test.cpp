#include "plugin.hpp"

#include "fake_host.hpp"

#include <tomada/plugin.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>
#include <vector>

namespace {

using nlohmann::json;
using plugins_test::FakeCall;
using plugins_test::Instance;

Instance make_instance(const json& config = json::object()) {
  return Instance(tomada::sdk::Entry<webhook::Plugin>::fill, config.dump());
}

std::string why_not(const json& config) {
  const Instance instance(tomada::sdk::Entry<webhook::Plugin>::fill, config.dump());
  if (instance.created() == TOMADA_OK) return {};
  EXPECT_EQ(instance.created(), TOMADA_E_INVALID_CONFIG);
  return instance.why();
}

struct Given {
  std::string body;
  std::string type{"a.type"};
  std::vector<std::pair<std::string, std::string>> headers;
};

tomada_status hand_over(FakeCall& call, const Given& given) {
  Instance instance(tomada::sdk::Entry<webhook::Plugin>::fill, "{}");
  std::vector<tomada_header> headers;
  for (const auto& [name, value] : given.headers)
    headers.push_back({tomada::sdk::slice(name), tomada::sdk::slice(value)});
  auto webhook = tomada::sdk::make<tomada_webhook>();
  webhook.attempt = 1;
  webhook.event_id = tomada::sdk::slice("event-1");
  webhook.event_type = tomada::sdk::slice(given.type);
  webhook.headers = headers.data();
  webhook.headers_count = headers.size();
  webhook.body = tomada::sdk::slice(given.body);
  webhook.received_at_ms = 1767225600123;
  return instance.handle_webhook(call, webhook);
}

json record_of(const Given& given) {
  FakeCall call;
  EXPECT_EQ(hand_over(call, given), TOMADA_OK);
  EXPECT_TRUE(call.checkpoints.empty());  // what a webhook did takes effect when it returns
  EXPECT_EQ(call.page.size(), 1u);
  if (call.page.empty()) return {};
  EXPECT_EQ(call.page[0].external_id, "event-1");
  EXPECT_EQ(call.page[0].updated_at_ms, 1767225600123);
  return json::parse(call.page[0].json);
}

TEST(WebhookPlugin, AnEventIsARecordUnderItsOwnId) {
  const json record = record_of({.body = R"({"big":12345678901234567890,"a":[1.50]})"});
  EXPECT_EQ(record.at("type"), "a.type");
  EXPECT_EQ(record.at("received_at"), "2026-01-01T00:00:00.123Z");
  EXPECT_EQ(record.at("body").dump(), R"({"a":[1.5],"big":12345678901234567890})");
  EXPECT_EQ(record.at("body_bytes"), 39);
}

TEST(WebhookPlugin, WhatIsNoJsonStandsAsText) {
  EXPECT_EQ(record_of({.body = "payload=%7B%7D&a=1"}).at("body"), "payload=%7B%7D&a=1");
  EXPECT_EQ(record_of({.body = ""}).at("body"), "");
  EXPECT_EQ(record_of({.body = "{\"a\":1}{"}).at("body"), "{\"a\":1}{");
  EXPECT_EQ(record_of({.body = "\xff\xfe"}).at("body"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  const std::string deep = std::string(61, '[') + std::string(61, ']');
  EXPECT_EQ(record_of({.body = deep}).at("body"), deep);
  EXPECT_TRUE(record_of({.body = deep.substr(1, 120)}).at("body").is_array());
  // Brackets in a string are no levels.
  EXPECT_TRUE(record_of({.body = "{\"a\":\"\\\"" + std::string(99, '[') + "\"}"}).at("body").is_object());
}

TEST(WebhookPlugin, ABodyTooLargeForARecordIsLeftOut) {
  FakeCall call;
  const std::string body = '"' + std::string(webhook::k_body_bytes_max, 'x') + '"';
  ASSERT_EQ(hand_over(call, {.body = body}), TOMADA_OK);
  const json record = json::parse(call.page.at(0).json);
  EXPECT_FALSE(record.contains("body"));
  EXPECT_EQ(record.at("body_bytes"), body.size());
  EXPECT_EQ(call.log.size(), 1u);
}

TEST(WebhookPlugin, KeepsTheSendersHeadersWithoutSignatures) {
  const json headers = record_of({.body = "{}",
                                  .headers = {{"Content-Type", "application/json"},
                                              {"X-GitHub-Hook-ID", "7"},
                                              {"X-Hub-Signature-256", "sha256=00"},
                                              {"X-Forwarded-For", "10.0.0.1"},
                                              {"Webhook-Signature", "v1,x"},
                                              {"webhook-id", "msg_1"},
                                              {"Host", "h"},
                                              {"X-Long", std::string(webhook::k_header_bytes_max + 1, 'x')}}})
                           .at("headers");
  EXPECT_EQ(headers, (json{{"content-type", "application/json"}, {"x-github-hook-id", "7"}, {"webhook-id", "msg_1"}}));
}

TEST(WebhookPlugin, HasNothingToFetchAndNobodyToAsk) {
  FakeCall call;
  Instance instance = make_instance();
  EXPECT_EQ(instance.test_connection(call), TOMADA_OK);
  EXPECT_EQ(instance.sync(call, "event", TOMADA_SYNC_INCREMENTAL), TOMADA_E_UNSUPPORTED);
  EXPECT_TRUE(call.requests.empty());
  EXPECT_FALSE(call.completed_since);
}

TEST(WebhookPlugin, ATimeThatIsNotSignedIsRefused) {
  EXPECT_EQ(why_not({{"timestamp_header", "X-Time"}}).substr(0, 24), "config.timestamp_header:");
  EXPECT_EQ(why_not({{"signed", "{timestamp}.{body}"}}).substr(0, 14), "config.signed:");
  EXPECT_EQ(why_not({{"timestamp_header", "X-Time"}, {"signed", "{timestamp}.{body}"}}), "");
  EXPECT_EQ(why_not({{"timestamp_header", "X-Time"}, {"signed", "{header:x-time}.{body}"}}), "");
}

TEST(WebhookPlugin, APresetSaysItselfHowItSigns) {
  EXPECT_EQ(why_not({{"preset", "github"}}), "");
  EXPECT_EQ(why_not({{"preset", "github"}, {"event_type", "{json:action}"}}), "");
  EXPECT_EQ(why_not({{"preset", "github"}, {"header", "X-Mine"}}).substr(0, 14), "config.header:");
  EXPECT_EQ(why_not({{"preset", "standard-webhooks"}, {"secret_prefix", ""}}).substr(0, 21), "config.secret_prefix:");
}

// The plugin refuses beside a preset exactly what the manifest calls custom.
TEST(WebhookPlugin, TheManifestAndTheCheckNameTheSameFields) {
  std::ifstream file(std::string(TOMADA_SOURCE) + "/plugins/webhook/manifest.json");
  const json properties = json::parse(file).at("config_schema").at("properties");
  for (const auto& [name, schema] : properties.items()) {
    if (name == "preset") continue;
    const bool is_custom = schema.at("description").get<std::string>().starts_with("custom:");
    EXPECT_EQ(why_not({{"preset", "github"}, {name, name == "tolerance_s" ? json(1) : json("x")}}).empty(), !is_custom)
        << name;
  }
}

}  // namespace
