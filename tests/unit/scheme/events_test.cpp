// Ids, types, subjects and accounts; handshakes; limits on what anybody may send.
#include "host/scheme/scheme.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tomada::scheme {
namespace {

using nlohmann::json;

std::shared_ptr<const Webhook> compile(const char* text) {
  const auto compiled = Webhook::compile(json::parse(text), nullptr);
  EXPECT_TRUE(compiled.has_value()) << (compiled.has_error() ? compiled.error().message : "");
  return *compiled;
}

constexpr const char* k_batch = R"({
  "schemes": [{"id": "t", "algorithm": "token", "signature": {"header": "X-Token"}}],
  "events": "$", "event_id": "{json:id}", "event_type": "{json:type}", "subject": "{json:object.id}", "account": "{json:portal}"})";
constexpr const char* k_plain = R"({
  "schemes": [{"id": "t", "algorithm": "token", "signature": {"header": "X-Token"}}]})";

const Headers k_no_headers;
const Verdict k_verdict{.valid = true, .scheme = "t"};

Result<std::vector<Event>> events_of(const std::shared_ptr<const Webhook>& webhook, std::string_view body,
                                     std::string_view url = "https://h.example/x") {
  return webhook->events({.method = "POST", .url = url, .headers = k_no_headers, .body = body}, k_verdict);
}

TEST(SchemeEvents, TakeAnArrayApartWithEachElementsOwnText) {
  const auto webhook = compile(k_batch);
  const std::string body =
      R"([ {"id": 7, "type":"a.b", "portal": 62515, "object":{"id":"x"}} , {"id":"8","type":null,"portal":true,"n":1.50} ])";
  const auto events = events_of(webhook, body);
  ASSERT_TRUE(events.has_value()) << events.error().message;
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[0].event_id, "7");
  EXPECT_EQ((*events)[0].event_type, "a.b");
  EXPECT_EQ((*events)[0].subject, "x");
  EXPECT_EQ((*events)[0].account, "62515");
  EXPECT_EQ((*events)[0].body, R"({"id": 7, "type":"a.b", "portal": 62515, "object":{"id":"x"}})");
  EXPECT_EQ((*events)[1].event_id, "8");
  EXPECT_EQ((*events)[1].event_type, "");
  EXPECT_EQ((*events)[1].body, R"({"id":"8","type":null,"portal":true,"n":1.50})");
}

TEST(SchemeEvents, RefuseABodyThatIsNoArrayOfEvents) {
  const auto webhook = compile(k_batch);
  for (const char* body : {"", "{", R"({"a":1})", "[1,", "nonsense"})
    EXPECT_TRUE(events_of(webhook, body).has_error()) << body;
  std::string many = "[0";
  for (std::size_t i = 0; i < k_events_max; ++i) many += ",0";
  EXPECT_TRUE(events_of(webhook, many + "]").has_error());
  EXPECT_TRUE(events_of(webhook, std::string(100, '[') + std::string(100, ']')).has_error());
}

TEST(SchemeEvents, WithoutAnIdTheSameRequestIsTheSameEvent) {
  const auto webhook = compile(k_plain);
  const std::string id = events_of(webhook, "a")->front().event_id;
  EXPECT_EQ(id.size(), 64u);
  EXPECT_EQ(events_of(webhook, "a")->front().event_id, id);
  EXPECT_NE(events_of(webhook, "b")->front().event_id, id);
  EXPECT_NE(events_of(webhook, "a", "https://h.example/x?y=1")->front().event_id, id);
}

TEST(SchemeEvents, KeepIdsAndTypesShortAndPrintable) {
  const auto webhook = compile(k_batch);
  const json body = json::array({{{"id", std::string(300, 'i')}, {"type", std::string(127, 't') + "éé"}}});
  const auto events = events_of(webhook, body.dump());
  ASSERT_TRUE(events.has_value());
  EXPECT_EQ(events->front().event_id.size(), 64u);
  EXPECT_EQ(events->front().event_type, std::string(127, 't'));
}

TEST(SchemeHandshake, RefusesAWrongTokenAndAnswersTheRightOne) {
  const auto webhook = compile(R"({
    "schemes": [{"id": "t", "algorithm": "token", "signature": {"header": "X-Token"}}],
    "handshakes": [{"method": "GET", "when": [{"value": "{query:mode}", "equals": "subscribe"}],
                    "token": {"value": "{query:token}", "field": "verify_token"}, "reply": {"json": {"challenge": "{query:challenge}"}}}]})");
  const std::string secret = "right";
  const auto shake = [&](std::string_view url, std::string_view method = "GET") {
    return webhook->handshake({.method = method, .url = url, .headers = k_no_headers, .body = ""},
                              {{"verify_token", {secret}}}, Verdict{});
  };
  const auto good = shake("https://h/x?mode=subscribe&token=right&challenge=a%22b");
  ASSERT_TRUE(good.has_value() && *good);
  EXPECT_EQ((*good)->body, R"({"challenge":"a\"b"})");
  EXPECT_EQ((*good)->content_type, "application/json");
  EXPECT_EQ(shake("https://h/x?mode=subscribe&token=wrong&challenge=1").error().code, Errc::forbidden);
  EXPECT_EQ(shake("https://h/x?mode=subscribe&challenge=1").error().code, Errc::forbidden);
  EXPECT_FALSE(shake("https://h/x?mode=other&token=right")->has_value());
  EXPECT_FALSE(shake("https://h/x?mode=subscribe&token=right", "POST")->has_value());
  EXPECT_TRUE(shake("https://h/x?mode=subscribe&token=right&challenge=" + std::string(5'000, 'c')).has_error());
}

constexpr const char* k_answering = R"({
  "schemes": [{"id": "s", "algorithm": "hmac-sha256", "secret": {"field": "client_secret"}, "signature": {"header": "X-Signature"},
               "signed": "hmacsha256={body}"}],
  "handshakes": [{"method": "GET", "when": [{"value": "{query:code}", "present": true}],
                  "answer": {"algorithm": "hmac-sha256", "signed": "{query:code}", "field": "client_secret"}, "reply": {"text": "{answer}"}}]})";

/// Whoever asks gets a text signed with the key of the events: it must not be an event's.
TEST(SchemeHandshake, SignsNoTextThatCouldBeAnEvent) {
  const auto webhook = compile(k_answering);
  const std::string secret = "client";
  const auto answer_to = [&](const std::string& code) {
    return webhook->handshake({.method = "GET", .url = "https://h/x?code=" + code, .headers = k_no_headers, .body = ""},
                              {{"client_secret", {secret}}}, Verdict{});
  };
  const auto good = answer_to("890e4665-4dfe-4ab1-b689-ed553bceeed0");
  ASSERT_TRUE(good.has_value() && *good);
  EXPECT_EQ((*good)->body.size(), 64u);
  EXPECT_TRUE(answer_to("bm9uY2U%3D").has_value());
  for (const std::string code :
       {"hmacsha256%3D%7B%22id%22%3A1%7D", "hmacsha256%3D", "%7B%22id%22%3A1%7D", "a%3Db", "%5B1%5D", "%3D"})
    EXPECT_EQ(answer_to(code).error().code, Errc::forbidden) << code;
  EXPECT_EQ(answer_to(std::string(257, 'a')).error().code, Errc::forbidden);
}

TEST(SchemeHandshake, GivesNoAnswerWithoutASecret) {
  const auto shaken =
      compile(k_answering)
          ->handshake({.method = "GET", .url = "https://h/x?code=a", .headers = k_no_headers, .body = ""}, {},
                      Verdict{});
  ASSERT_TRUE(shaken.has_error());
  EXPECT_EQ(shaken.error().message, "no secret is stored in credentials.client_secret");
}

TEST(SchemeSecrets, AreOneInEachLine) {
  EXPECT_EQ(split_secrets("a b\nc\r\n\nd"), (std::vector<std::string_view>{"a b", "c", "d"}));
  EXPECT_TRUE(split_secrets("\n\n").empty());
}

}  // namespace
}  // namespace tomada::scheme
