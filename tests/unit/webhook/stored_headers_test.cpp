#include "host/webhook/stored_headers.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tomada::webhook {
namespace {

TEST(StoredHeaders, LeaveOutTheConnectionAndHideSecrets) {
  const auto document = nlohmann::json::parse(R"({"schemes": [
    {"id": "a", "algorithm": "token", "signature": {"header": "X-Hook-Token"}},
    {"id": "b", "algorithm": "token", "signature": {"query": "to ken"}}]})");
  const auto webhook = scheme::Webhook::compile(document, nullptr);
  ASSERT_TRUE(webhook.has_value()) << webhook.error().message;
  const scheme::Headers headers{{"Host", "h"},           {"Connection", "close"}, {"X-HOOK-token", "s3cret"},
                                {"AUTHORIZATION", "b"},  {"X-A", "1\nX-B: 2"},    {"Tomada-Request", "forged"},
                                {"Transfer-Encoding", ""}};
  const Request request{"POST", "/webhooks/1?a=b&to%20ken=s3cret&c", headers, "", ""};
  EXPECT_EQ(stored_headers(request, **webhook),
            "Tomada-Request: POST /webhooks/1?a=b&to%20ken=***&c\nHost: h\nX-HOOK-token: ***\nAUTHORIZATION: ***\n"
            "X-A: 1 X-B: 2\n");
}

}  // namespace
}  // namespace tomada::webhook
