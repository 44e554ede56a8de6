#include "host/serve/webhook_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tomada::serve {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(WebhookView, HeadersThatCarrySecretsAreKnownByTheirNames) {
  for (const char* name : {"Authorization", "COOKIE", "Stripe-Signature", "X-Hub-Signature-256", "x-api-key", "X-Gitlab-Token", "X-Secret"})
    EXPECT_TRUE(is_secret_header(name)) << name;
  for (const char* name : {"Content-Type", "User-Agent", "Webhook-Id", "Date"}) EXPECT_FALSE(is_secret_header(name)) << name;
}

TEST(WebhookView, FieldsAreKnownWhateverTheirSpelling) {
  const Redaction none;
  for (const char* name : {"password", "clientSecret", "client-secret", "access_token", "refreshTokens", "apiKey", "API_KEY",
                           "card_number", "cvc", "Authorization", "private_key"})
    EXPECT_TRUE(is_secret_field(name, none)) << name;
  for (const char* name : {"id", "token_type", "tokenization_method", "number", "secretary"}) EXPECT_FALSE(is_secret_field(name, none)) << name;
  EXPECT_TRUE(is_secret_field("SSN", Redaction{.fields = {"ssn"}, .secrets = {}}));
}

TEST(WebhookView, JsonIsHiddenAtAnyDepthAndOtherwiseLeftAsSent) {
  const Redaction rules{.fields = {"ssn"}, .secrets = {}};
  const std::string harmless = "{\"n\": 1.10,\n \"big\": 123456789012345678901234567890}";
  EXPECT_EQ(redact_body(harmless, "application/json", rules), harmless);
  const std::string shown = redact_body(R"([{"a":{"password":"pw-1","ssn":7,"ok":1}},{"token":["x"]},{"secret":null}])", "", rules);
  EXPECT_EQ(shown, R"([{"a":{"password":"***","ssn":"***","ok":1}},{"token":"***"},{"secret":null}])");
}

TEST(WebhookView, JsonTooDeepToLookIntoIsNotShown) {
  const std::string deep = std::string(5'000, '[') + R"("password")" + std::string(5'000, ']');
  EXPECT_EQ(redact_body(deep, "application/json", {}), "***");
}

TEST(WebhookView, FormsAreHiddenAndSoIsJsonInThem) {
  const std::string form = "user=a+b&access%5Ftoken=sesame&payload=%7B%22secret%22%3A%22s1%22%7D&flag";
  const std::string shown = redact_body(form, "application/x-www-form-urlencoded; charset=utf-8", {});
  EXPECT_THAT(shown, HasSubstr("user=a+b&access%5Ftoken=***&payload="));
  EXPECT_THAT(shown, testing::EndsWith("&flag"));
  EXPECT_THAT(shown, Not(HasSubstr("sesame")));
  EXPECT_THAT(shown, Not(HasSubstr("s1")));
  EXPECT_EQ(redact_body(form, "text/plain", {}), form) << "not a form by its type";
}

TEST(WebhookView, KnownSecretsAreHiddenInAnyText) {
  Redaction rules;
  rules.secrets.emplace("webhook_secret", Secret(std::string("whsec_1")));
  EXPECT_EQ(redact_body("look: whsec_1", "text/plain", rules), "look: ***");
}

TEST(WebhookView, TheKeptTargetIsReadLikeAForm) {
  store::Webhook webhook{.webhook_id = 1, .headers = "Tomada-Request: POST /webhooks/x?a=1&access_token=sesame\n", .body = "b"};
  EXPECT_EQ(webhook_details(webhook, {}, {})["headers"][0]["value"], "POST /webhooks/x?a=1&access_token=***");
}

TEST(WebhookView, WhatIsNotTextComesAsBase64) {
  store::Webhook webhook{.webhook_id = 1, .headers = "A: b\n", .body = "\xff\xfe"};
  const auto view = webhook_details(webhook, {}, {});
  EXPECT_EQ(view["body"], "//4=");
  EXPECT_EQ(view["body_encoding"], "base64");
}

TEST(WebhookView, AttemptsAreShownWithTheirErrorsAndADroppedPayloadIsNull) {
  store::Webhook webhook{.webhook_id = 1, .processing_status = "failed", .error_code = "permanent", .processing_error = "no such customer"};
  const std::vector<store::WebhookAttempt> attempts{{1, 1767225600000, 1'500, "unavailable", "down"}, {2, 1767225660000, 250, "", ""}};
  const auto view = webhook_details(webhook, attempts, {});
  EXPECT_EQ(view["body"], nullptr);
  EXPECT_EQ(view["headers"], nullptr);
  EXPECT_EQ(view["error"]["code"], "permanent");
  EXPECT_EQ(view["attempt_log"][0]["duration_ms"], 1.5);
  EXPECT_EQ(view["attempt_log"][0]["error"]["message"], "down");
  EXPECT_EQ(view["attempt_log"][1]["error"], nullptr);
  EXPECT_EQ(view["attempt_log"][1]["started_at"], "2026-01-01T00:01:00.000Z");
}

}  // namespace
}  // namespace tomada::serve
