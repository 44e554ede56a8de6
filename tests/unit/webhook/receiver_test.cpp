#include "host/webhook/receiver.hpp"

#include "tests/unit/webhook/fixture.hpp"

#include <gmock/gmock.h>

#include <openssl/hmac.h>

#include <chrono>

namespace tomada::webhook {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::string signature_of(std::string_view secret, std::string_view body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    constexpr char k_digits[] = "0123456789abcdef";
    hex += k_digits[digest[i] >> 4];
    hex += k_digits[digest[i] & 15];
  }
  return hex;
}

struct ReceiverTest : WebhookTest {
  std::unique_ptr<jobs::Runner> runner;
  std::unique_ptr<Receiver> receiver;

  void SetUp() override {
    WebhookTest::SetUp();
    runner = std::make_unique<jobs::Runner>(loop, store->jobs(), jobs::Options{});
    make({.public_url = "https://hooks.example.com"});
  }
  void make(ReceiverOptions options) {
    receiver = std::make_unique<Receiver>(loops, *store, *vault, *registry, *calls, *environment, *runner, metrics,
                                          std::move(options));
  }
  Response send(const std::string& config_id, const std::string& body, scheme::Headers headers,
                std::string method = "POST", std::string query = {}, const std::function<void()>& between = {}) {
    const std::string target = "/webhooks/" + config_id + query;
    return run([&](Task& task) { return receiver->receive(task, config_id, {method, target, headers, body, "192.0.2.1"}); },
               between);
  }
  Response send(const std::string& body, const std::string& secret = "s3cret") {
    return send(integration.config_id, body, {{"X-Signature", signature_of(secret, body)}});
  }
  std::vector<store::Webhook> listed(store::WebhookFilter filter = {}) {
    return run([&](Task& task) {
      return value_of(store->webhooks().list(task, integration.tenant_id, integration.config_id, {}, filter));
    });
  }
  static std::string id_in(const Response& response) { return nlohmann::json::parse(response.body).value("id", ""); }
  void change_secret(const std::string& secret) {
    integration = find(integration);
    integration.sealed_credentials = run([&](Task& task) {
      return value_of(vault->seal(task, integration.tenant_id, integration.config_id, {{"webhook_secret", secret}}));
    });
    update(integration);
  }
  std::string series(std::string_view name) const {
    const std::string text = metrics.text();
    const std::size_t at = text.find(std::string(name) + " ");
    return at == std::string::npos ? "" : text.substr(at + name.size() + 1, text.find('\n', at) - at - name.size() - 1);
  }
};

TEST_F(ReceiverTest, AVerifiedEventIsStoredWithItsJobAndAnsweredWithItsId) {
  const auto response = send(R"({"id":"e1","type":"made","subject":"s"})");
  EXPECT_EQ(response.status, 200) << response.body;
  const auto id = store::parse_webhook_id(id_in(response));
  ASSERT_TRUE(id);
  EXPECT_EQ(response.body, "{\"success\":true,\"id\":\"" + store::format_webhook_id(*id) + "\"}\n");
  const auto stored = event(*id);
  EXPECT_EQ(stored.event_id, "e1");
  EXPECT_EQ(stored.event_type, "made");
  EXPECT_EQ(stored.subject, "s");
  EXPECT_EQ(stored.source_ip, "192.0.2.1");
  EXPECT_EQ(stored.body, R"({"id":"e1","type":"made","subject":"s"})");
  EXPECT_THAT(stored.headers, HasSubstr("Tomada-Request: POST /webhooks/" + integration.config_id + "\n"));
  EXPECT_EQ(stored.processing_status, "pending");
  code.on_webhook = [](auto&&...) -> tomada_status { return TOMADA_OK; };
  EXPECT_TRUE(work());
  EXPECT_EQ(event(*id).processing_status, "completed");
  EXPECT_EQ(series(R"(webhook_events_total{provider="trampoline-webhook",status="accepted"})"), "1");
}

TEST_F(ReceiverTest, ADuplicateIsAnsweredWithTheFirstId) {
  const auto first = send(R"({"id":"e1"})");
  const auto second = send(R"({"id":"e1"})");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(id_in(second), id_in(first));
  EXPECT_THAT(second.body, HasSubstr(R"("duplicate":true)"));
  EXPECT_EQ(listed().size(), 1u);
}

TEST_F(ReceiverTest, AWrongSignatureIsRefusedWithoutAReasonAndNoted) {
  const auto response = send(R"({"id":"e1"})", "wrong");
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_THAT(response.body, Not(HasSubstr("ignature")));
  const auto refused = listed({.status = {}, .event_type = {}, .signature_verified = false});
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused.front().processing_status, "failed");
  EXPECT_FALSE(refused.front().processing_error.empty());
  EXPECT_THAT(refused.front().processing_error, Not(HasSubstr("s3cret")));
  EXPECT_EQ(series(R"(webhook_rejected_total{provider="trampoline-webhook"})"), "1");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(send("{}", "wrong").status, 401);
  EXPECT_EQ(listed({.status = {}, .event_type = {}, .signature_verified = false}).size(), 10u) << "10 of a second";
}

TEST_F(ReceiverTest, FailsClosed) {
  EXPECT_EQ(send(store::testing::new_id(), "{}", {}).status, 404) << "no such integration";
  EXPECT_EQ(send("../../etc/passwd", "{}", {}).status, 404);
  const auto unknown = add_integration("nobody");
  EXPECT_EQ(send(unknown.config_id, "{}", {{"X-Signature", signature_of("s3cret", "{}")}}).status, 404);
  const auto without = add_integration("trampoline-webhook", "");
  EXPECT_EQ(send(without.config_id, "{}", {{"X-Signature", signature_of("", "{}")}}).status, 401) << "no secret";
  EXPECT_EQ(send(integration.config_id, "{}", {}).status, 401) << "no signature";
  run([&](Task& task) {
    return value_of(store->integrations().remove(task, integration.tenant_id, integration.config_id)), 0;
  });
  EXPECT_EQ(send(R"({"id":"e1"})").status, 404) << "removed behind the cache's back";
}

TEST_F(ReceiverTest, ARotatedSecretWorksAtOnceAndTheOldOneEnds) {
  EXPECT_EQ(send(R"({"id":"e1"})").status, 200);
  change_secret("n3wer");
  receiver->forget(integration.config_id);
  EXPECT_EQ(send(R"({"id":"e2"})", "n3wer").status, 200);
  EXPECT_EQ(send(R"({"id":"e3"})", "s3cret").status, 401);
  // Another host changed it: nobody told this one.
  clock.advance(2s);
  change_secret("n3west\nn3wer");
  EXPECT_EQ(send(R"({"id":"e4"})", "n3west").status, 200);
  EXPECT_EQ(send(R"({"id":"e5"})", "n3wer").status, 200);
  change_secret("l4st");
  EXPECT_EQ(send(R"({"id":"e6"})", "n3wer").status, 200) << "known for 5 s";
  clock.advance(5s);
  EXPECT_EQ(send(R"({"id":"e7"})", "n3wer").status, 401);
}

TEST_F(ReceiverTest, AHandshakeIsAnsweredAndNothingIsStored) {
  const auto response = send(integration.config_id, "", {}, "GET", "?challenge=abc");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "abc");
  EXPECT_TRUE(listed().empty());
}

TEST_F(ReceiverTest, ADisabledIntegrationsEventsAreStoredAndWait) {
  integration.is_enabled = false;
  update(integration);
  const auto response = send(R"({"id":"e1"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(event(*store::parse_webhook_id(id_in(response))).processing_status, "pending");
}

TEST_F(ReceiverTest, TooManyWaitingIsAnsweredWithRetryAfter) {
  make({.public_url = "https://h", .waiting_max = 0});
  const auto response = send(R"({"id":"e1"})");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.retry_after_seconds, 1);
}

TEST_F(ReceiverTest, ATestEventIsSignedAndGoesTheUsualWay) {
  const auto tested = run([&](Task& task) { return value_of(receiver->test(task, integration, {})); });
  EXPECT_TRUE(tested.accepted) << tested.reason;
  EXPECT_EQ(tested.url, "https://hooks.example.com/webhooks/" + integration.config_id);
  const auto stored = event(*store::parse_webhook_id(tested.webhook_id));
  EXPECT_EQ(stored.event_type, "tomada.test");
  EXPECT_THAT(stored.event_id, HasSubstr("tomada-test-"));
  const auto without = add_integration("trampoline-webhook", "");
  const auto refused = run([&](Task& task) { return receiver->test(task, without, {}); });
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code, Errc::invalid_config);
}

struct AppTest : ReceiverTest {
  store::App app;
  void SetUp() override {
    ReceiverTest::SetUp();
    app.app_id = store::testing::new_id();
    app.tenant_id = integration.tenant_id;
    app.app_name = "app";
    app.provider_name = "trampoline-webhook";
    app.sealed_credentials = run([&](Task& task) {
      return value_of(vault->seal(task, app.tenant_id, app.app_id, {{"webhook_secret", "4pp"}}));
    });
    run([&](Task& task) { return value_of(store->apps().create(task, app)), 0; });
    integration.app_id = app.app_id;
    integration.account_id = "acc1";
    update(integration);
    integration = find(integration);
  }
  Response send_app(const std::string& body) {
    const scheme::Headers headers{{"X-Signature", signature_of("4pp", body)}};
    return run([&](Task& task) {
      return receiver->receive_for_app(task, app.app_id, {"POST", "/webhooks/apps/" + app.app_id, headers, body, "::1"});
    });
  }
};

TEST_F(AppTest, AnEventGoesToTheIntegrationsWithItsAccount) {
  const auto response = send_app(R"({"id":"e1","account":"acc1"})");
  EXPECT_EQ(response.status, 200) << response.body;
  const auto stored = event(*store::parse_webhook_id(id_in(response)));
  EXPECT_EQ(stored.app_id, app.app_id);
  EXPECT_EQ(stored.processing_status, "pending");
}

TEST_F(AppTest, AnUnknownAccountIsIgnored) {
  EXPECT_EQ(send_app(R"({"id":"e1","account":"acc2"})").status, 200);
  const auto ignored = run([&](Task& task) {
    return value_of(store->webhooks().list(task, integration.tenant_id, {}, app.app_id, {}));
  });
  ASSERT_EQ(ignored.size(), 1u);
  EXPECT_EQ(ignored.front().processing_status, "ignored");
  EXPECT_THAT(ignored.front().processing_error, HasSubstr("acc2"));
  EXPECT_EQ(send_app(R"({"id":"e2"})").status, 200) << "no account at all";
}

struct InlineTest : ReceiverTest {
  void SetUp() override {
    ReceiverTest::SetUp();
    integration = add_integration("trampoline-inline");
  }
};

TEST_F(InlineTest, ThePluginsAnswerIsTheAnswer) {
  code.on_webhook = [](const tomada_host& host, tomada_call call, const tomada_webhook& webhook,
                       tomada_reply reply) -> tomada_status {
    EXPECT_NE(reply, 0u);
    EXPECT_EQ(upsert(host, call, view(webhook.event_id), "{}"), TOMADA_OK);
    return abi::service<tomada_reply_service>(host, TOMADA_REPLY_ID)
        .set(call, reply, 202, abi::text("text/xml"), abi::text("<Response/>"));
  };
  const auto response = send(R"({"id":"e1"})");
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.content_type, "text/xml");
  EXPECT_EQ(response.body, "<Response/>");
  ASSERT_EQ(listed().size(), 1u);
  EXPECT_EQ(listed().front().processing_status, "completed");
  EXPECT_EQ(records().size(), 1u);
}

TEST_F(InlineTest, AFailureIsAnEmpty200AndTheEventTakesTheUsualWay) {
  code.on_webhook = [](const tomada_host& host, tomada_call call, const tomada_webhook&, tomada_reply reply) {
    if (reply == 0) return TOMADA_OK;
    EXPECT_EQ(abi::service<tomada_reply_service>(host, TOMADA_REPLY_ID).set(call, reply, 201, abi::text(""), abi::text("x")),
              TOMADA_OK);
    return abi::service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 3'600'000);
  };
  const auto started = clock.steady();
  const std::string body = R"({"id":"e1"})";
  const auto response = send(integration.config_id, body, {{"X-Signature", signature_of("s3cret", body)}}, "POST", {},
                             [&] { clock.advance(10ms); });
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  EXPECT_GE(clock.steady() - started, 2'500ms);
  EXPECT_EQ(listed().front().processing_status, "pending");
  EXPECT_EQ(listed().front().processing_attempts, 1);
  ASSERT_TRUE(work());
  EXPECT_EQ(listed().front().processing_status, "completed");
}

TEST_F(ReceiverTest, TenThousandEventsCostLittleBesideTheStore) {
  // Not a benchmark: it prints what one request costs with a refused signature once its notes are used up.
  const std::string body(1'024, 'x');
  for (int i = 0; i < 20; ++i) send(body, "wrong");
  const scheme::Headers headers{{"Host", "h"}, {"User-Agent", "u"}, {"Content-Type", "application/json"},
                                {"X-Signature", signature_of("wrong", body)}};
  const std::string target = "/webhooks/" + integration.config_id;
  const auto took = run([&](Task& task) {
    const auto started = std::chrono::steady_clock::now();
    for (int i = 0; i < 10'000; ++i)
      EXPECT_EQ(receiver->receive(task, integration.config_id, {"POST", target, headers, body, "::1"}).status, 401);
    return std::chrono::steady_clock::now() - started;
  });
  RecordProperty("nanoseconds_each", static_cast<int>(took.count() / 10'000));
  EXPECT_LT(took, 10s);
}

}  // namespace
}  // namespace tomada::webhook
