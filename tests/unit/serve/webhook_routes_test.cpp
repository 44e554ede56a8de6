// Webhooks at the API: the way in, the log, replay, test.
#include "tests/unit/serve/routes_fixture.hpp"

namespace tomada::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct WebhookRoutesTest : RoutesTest {
  std::string integration;
  std::string path;
  void SetUp() override {
    RoutesTest::SetUp();
    allow("stripe");
    integration = create(stripe());
    path = "/v1/integrations/" + integration + "/webhooks";
  }

  /// Stores one as the intake does; its id.
  std::string add(store::NewWebhook event) {
    return runtime::run(loop, [&](runtime::Task& task) -> std::string {
      const auto tenant = store->tenants().find_by_name(task, "demo");
      event.tenant_id = (*tenant)->tenant_id;
      if (event.app_id.empty()) event.config_id = integration;
      event.received_at_ms = clock.unix_ms();
      event.webhook_id = store::make_webhook_id(event.received_at_ms);
      clock.advance(std::chrono::seconds(1));
      if (event.headers.empty()) event.headers = "Content-Type: application/json\nStripe-Signature: t=1,v1=abc\n";
      if (event.signature_verified) {
        EXPECT_TRUE(store->webhooks().accept(task, std::span(&event, 1)).has_value());
      } else {
        EXPECT_TRUE(store->webhooks().reject(task, event, 100).has_value());
      }
      return store::format_webhook_id(event.webhook_id);
    });
  }
  std::string add(const std::string& event_id, const std::string& status = "pending", const std::string& type = "charge.failed") {
    return add(store::NewWebhook{.event_id = event_id, .event_type = type, .subject = "ch_1", .headers = {},
                                 .body = R"({"id": 7.10, "client_secret": "cs_1"})", .source_ip = "203.0.113.7",
                                 .processing_status = status});
  }
  std::vector<std::string> listed(const std::string& query) {
    const Answer answer = ask("GET", path + "/logs" + query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<std::string> events;
    const json page = parse(answer);
    for (const json& row : page["logs"]) events.push_back(row["event_id"]);
    return events;
  }
};

TEST_F(WebhookRoutesTest, TheIntakeGetsWhatWasSentAndNeedsNoKey) {
  const auto call = [&](std::string method, std::string target_path, std::string target) {
    Request request;
    request.method = std::move(method);
    request.path = std::move(target_path);
    request.target = std::move(target);
    request.body = "raw\xff";
    request.peer_address = "10.0.0.1";
    return send(std::move(request));
  };
  EXPECT_EQ(call("POST", "/webhooks/abc", "/webhooks/%61bc?x=%20&").status, 200);
  receiving.response = {.status = 503, .content_type = "application/json", .body = "{}", .retry_after_seconds = 7};
  const Answer busy = call("GET", "/webhooks/apps/a-1", "/webhooks/apps/a-1?challenge=1");
  EXPECT_EQ(busy.status, 503);
  EXPECT_THAT(busy.headers, testing::Contains(testing::Pair("Retry-After", "7")));
  EXPECT_THAT(receiving.seen, ElementsAre("integration abc: POST /webhooks/%61bc?x=%20& from 10.0.0.1: raw\xff",
                                          "app a-1: GET /webhooks/apps/a-1?challenge=1 from 10.0.0.1: raw\xff"));
}

TEST_F(WebhookRoutesTest, OtherMethodsAreNoEvents) {
  for (const char* method : {"HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
    for (const char* where : {"/webhooks/abc", "/webhooks/apps/abc"}) {
      const Answer answer = ask(method, where);
      EXPECT_EQ(answer.status, 405) << method;
      EXPECT_THAT(answer.headers, testing::Contains(testing::Pair("Allow", testing::StartsWith("POST, GET")))) << method;
    }
  EXPECT_TRUE(receiving.seen.empty());
}

TEST_F(WebhookRoutesTest, TheLogIsNewestFirstAndFiltered) {
  add("evt_1", "ignored");
  add("evt_2", "pending", "charge.succeeded");
  add(store::NewWebhook{.event_id = "evt_3", .signature_verified = false, .processing_status = "failed", .processing_error = "no header"});
  EXPECT_THAT(listed(""), ElementsAre("evt_3", "evt_2", "evt_1"));
  EXPECT_THAT(listed("?status=pending"), ElementsAre("evt_2"));
  EXPECT_THAT(listed("?type=charge.failed"), ElementsAre("evt_1"));
  EXPECT_THAT(listed("?verified=false"), ElementsAre("evt_3"));
  EXPECT_THAT(listed("?since=2026-01-01T00:00:01Z&until=2026-01-01T00:00:02Z"), ElementsAre("evt_2"));
  const json page = parse(ask("GET", path + "/logs?limit=2"));
  EXPECT_EQ(page["logs"].size(), 2u);
  EXPECT_THAT(listed("?limit=2&cursor=" + page["next_cursor"].get<std::string>()), ElementsAre("evt_1"));
  for (const char* wrong : {"?status=odd", "?verified=yes", "?since=monday", "?cursor=zz", "?limit=0", "?colour=red"})
    EXPECT_EQ(ask("GET", path + "/logs" + wrong).status, 400) << wrong;
  const json row = page["logs"][1];
  EXPECT_EQ(row["type"], "charge.succeeded");
  EXPECT_EQ(row["subject"], "ch_1");
  EXPECT_EQ(row["verified"], true);
  EXPECT_EQ(row["received_at"], "2026-01-01T00:00:01.000Z");
  EXPECT_EQ(row["processed_at"], nullptr);
  EXPECT_EQ(row["source_ip"], "203.0.113.7");
  EXPECT_FALSE(row.contains("body")) << "a line is not the whole event";
}

TEST_F(WebhookRoutesTest, OneEventIsShownWithoutItsSecrets) {
  const std::string id = add("evt_1");
  const Answer answer = ask("GET", path + "/logs/" + id);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json event = parse(answer);
  EXPECT_EQ(event["id"], id);
  EXPECT_EQ(event["headers"][0], (json{{"name", "Content-Type"}, {"value", "application/json"}}));
  EXPECT_EQ(event["headers"][1], (json{{"name", "Stripe-Signature"}, {"value", "***"}}));
  EXPECT_THAT(event["body"].get<std::string>(), HasSubstr(R"("client_secret":"***")"));
  EXPECT_EQ(event["body_encoding"], "utf-8");
  EXPECT_TRUE(event["attempt_log"].is_array());
  EXPECT_EQ(ask("GET", path + "/logs/0000000000000001").status, 404);
  EXPECT_EQ(ask("GET", path + "/logs/odd").status, 404);
}

TEST_F(WebhookRoutesTest, EachOfSeveralSecretsInAFieldIsHidden) {
  const std::string id = add(store::NewWebhook{.event_id = "evt_1", .headers = "X-Note: whsec_two\n", .body = "text with whsec_one in it"});
  const json event = parse(ask("GET", path + "/logs/" + id));
  EXPECT_EQ(event["body"], "text with *** in it");
  EXPECT_EQ(event["headers"][0]["value"], "***");
}

TEST_F(WebhookRoutesTest, AnotherTenantSeesNothing) {
  const std::string id = add("evt_1");
  ASSERT_EQ(control("POST", "/control/tenants", {{"name", "other"}}).status, 201);
  key = parse(control("POST", "/control/keys", {{"tenant", "other"}, {"role", "admin"}}))["key"];
  EXPECT_EQ(ask("GET", path + "/logs").status, 404);
  EXPECT_EQ(ask("GET", path + "/logs/" + id).status, 404);
  EXPECT_EQ(ask("POST", path + "/replay", {{"dead", true}}).status, 404);
}

TEST_F(WebhookRoutesTest, ReplayMakesFinishedEventsPendingAndKicksTheJobs) {
  const std::string first = add("evt_1", "ignored");
  const std::string second = add("evt_2", "ignored");
  const std::string waiting = add("evt_3", "pending");
  const std::string refused = add(store::NewWebhook{.event_id = "evt_4", .signature_verified = false, .processing_status = "failed"});
  const Answer one = ask("POST", path + "/logs/" + first + "/replay");
  EXPECT_EQ(one.status, 202) << one.body;
  EXPECT_EQ(kicks, 1);
  EXPECT_THAT(listed("?status=pending"), ElementsAre("evt_3", "evt_1"));
  EXPECT_EQ(ask("POST", path + "/logs/" + waiting + "/replay").status, 409) << "it is pending";
  EXPECT_EQ(ask("POST", path + "/logs/" + refused + "/replay").status, 409) << "it was never verified";
  EXPECT_EQ(parse(ask("POST", path + "/replay", {{"ids", {second, refused}}}))["replayed"], 1);
  EXPECT_EQ(kicks, 2);
}

TEST_F(WebhookRoutesTest, ReplayTakesARangeOrTheDeadButNotEverythingAtOnce) {
  add("evt_1", "ignored");
  add("evt_2", "ignored");
  add("evt_3", "ignored");
  const json some = parse(ask("POST", path + "/replay", {{"since", "2026-01-01T00:00:01Z"}, {"until", "2026-01-01T00:00:02Z"}}));
  EXPECT_EQ(some, (json{{"replayed", 1}, {"next_cursor", nullptr}}));
  EXPECT_THAT(listed("?status=pending"), ElementsAre("evt_2"));
  EXPECT_EQ(parse(ask("POST", path + "/replay", {{"dead", true}}))["replayed"], 0) << "none is failed";
  EXPECT_EQ(parse(ask("POST", path + "/replay", {{"since", "2026-01-01T00:00:00Z"}, {"status", "ignored"}}))["replayed"], 2);
  for (const json& wrong : {json::object(), json{{"dead", false}}, json{{"status", "failed"}}, json{{"ids", json::array()}},
                            json{{"ids", {1}}}, json{{"ids", {"odd"}}}, json{{"dead", true}, {"since", "2026-01-01T00:00:00Z"}},
                            json{{"since", "yesterday"}}})
    EXPECT_EQ(ask("POST", path + "/replay", wrong).status, 422) << wrong;
  EXPECT_EQ(ask("POST", path + "/replay", {{"since", "2026-01-01T00:00:00Z"}, {"status", "pending"}}).status, 400);
}

TEST_F(WebhookRoutesTest, ATestEventGoesThroughTheIntake) {
  EXPECT_EQ(parse(ask("POST", path + "/test", {{"body", {{"a", 1}}}}))["accepted"], true);
  EXPECT_EQ(receiving.test_body, R"({"a":1})");
  EXPECT_EQ(ask("POST", path + "/test").status, 200);
  EXPECT_EQ(receiving.test_body, "") << "the intake has one of its own";
  receiving.tested = webhook::TestOutcome{.accepted = false, .webhook_id = {}, .reason = "disabled"};
  EXPECT_EQ(parse(ask("POST", path + "/test"))["reason"], "disabled");
  receiving.tested = fail(Errc::unsupported, "only the provider can sign");
  EXPECT_EQ(ask("POST", path + "/test").status, 422);
  EXPECT_EQ(ask("POST", path + "/test", {{"body", "text"}}).status, 422);
}

TEST_F(WebhookRoutesTest, ViewersReadOperatorsReplay) {
  const std::string id = add("evt_1", "ignored");
  key = parse(control("POST", "/control/keys", {{"tenant", "demo"}, {"role", "viewer"}}))["key"];
  EXPECT_EQ(ask("GET", path + "/logs/" + id).status, 200);
  for (const char* what : {"/replay", "/test"}) EXPECT_EQ(ask("POST", path + what, json::object()).status, 403);
  EXPECT_EQ(ask("POST", path + "/logs/" + id + "/replay").status, 403);
  key = parse(control("POST", "/control/keys", {{"tenant", "demo"}, {"role", "operator"}}))["key"];
  EXPECT_EQ(ask("POST", path + "/logs/" + id + "/replay").status, 202);
}

TEST_F(WebhookRoutesTest, AnIntegrationShowsItsAddressAndIsForgottenWhenItChanges) {
  EXPECT_EQ(parse(ask("GET", "/v1/integrations/" + integration))["webhook_url"], "https://hooks.test/webhooks/" + integration);
  allow();
  EXPECT_EQ(parse(ask("GET", "/v1/integrations/" + create()))["webhook_url"], nullptr) << "its manifest has no webhook";
  receiving.forgotten.clear();
  const Answer changed = ask("PATCH", "/v1/integrations/" + integration, {{"allow_legacy", true}, {"account_id", "acct_1"}});
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(parse(changed)["allow_legacy"], true);
  EXPECT_EQ(parse(changed)["account_id"], "acct_1");
  EXPECT_EQ(parse(ask("PATCH", "/v1/integrations/" + integration, {{"account_id", ""}}))["account_id"], nullptr);
  EXPECT_EQ(ask("DELETE", "/v1/integrations/" + integration).status, 204);
  EXPECT_THAT(receiving.forgotten, ElementsAre(integration, integration, integration));
}

}  // namespace
}  // namespace tomada::serve
