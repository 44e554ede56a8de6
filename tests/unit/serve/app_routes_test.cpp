// Apps at the API.
#include "tests/unit/serve/routes_fixture.hpp"

namespace tomada::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct AppRoutesTest : RoutesTest {
  void SetUp() override {
    RoutesTest::SetUp();
    allow("stripe");
  }
  static json good_app() {
    return {{"provider", "stripe"}, {"name", "our platform"},
            {"credentials", {{"client_id", "ca_1"}, {"client_secret", "hush-client"}, {"webhook_secret", "whsec_hush"}}}};
  }
  std::string create_app() {
    const Answer answer = ask("POST", "/v1/apps", good_app());
    EXPECT_EQ(answer.status, 201) << answer.body;
    return parse(answer).value("id", "");
  }
};

TEST_F(AppRoutesTest, AnAppLivesAndIsNeverSeenWithItsSecrets) {
  const std::string id = create_app();
  const Answer one = ask("GET", "/v1/apps/" + id);
  EXPECT_THAT(one.body, Not(HasSubstr("hush")));
  EXPECT_EQ(parse(one)["has_credentials"], true);
  EXPECT_EQ(parse(one)["webhook_url"], "https://hooks.test/webhooks/apps/" + id);
  EXPECT_EQ(parse(ask("GET", "/v1/apps"))["apps"][0]["id"], id);
  const Answer changed = ask("PATCH", "/v1/apps/" + id, {{"is_enabled", false}, {"credentials", {{"webhook_secret", "whsec_new"}}}});
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(parse(changed)["is_enabled"], false);
  EXPECT_EQ(ask("DELETE", "/v1/apps/" + id).status, 204);
  EXPECT_EQ(ask("GET", "/v1/apps/" + id).status, 404);
  EXPECT_THAT(receiving.forgotten, ElementsAre(id, id));
}

TEST_F(AppRoutesTest, RefusesInWords) {
  allow();
  json body = good_app();
  body["provider"] = "example";
  EXPECT_THAT(ask("POST", "/v1/apps", body).body, HasSubstr("receives no webhooks"));
  body = good_app();
  body["credentials"]["colour"] = "red";
  const Answer unknown = ask("POST", "/v1/apps", body);
  EXPECT_EQ(unknown.status, 422);
  EXPECT_EQ(parse(unknown)["errors"][0]["field"], "credentials.colour");
  body = good_app();
  body["credentials"]["webhook_secret"] = 12345678;
  const Answer number = ask("POST", "/v1/apps", body);
  EXPECT_EQ(number.status, 422);
  EXPECT_THAT(number.body, Not(HasSubstr("12345678")));
  body = good_app();
  body["shared"] = true;
  EXPECT_EQ(ask("POST", "/v1/apps", body).status, 403) << "a tenant's admin is not the operator of the host";
  EXPECT_TRUE(parse(ask("GET", "/v1/apps"))["apps"].empty());
  key = parse(control("POST", "/control/keys", {{"tenant", "demo"}, {"role", "operator"}}))["key"];
  EXPECT_EQ(ask("POST", "/v1/apps", good_app()).status, 403);
}

TEST_F(AppRoutesTest, AnIntegrationNamesAnAppOfItsProvider) {
  const std::string app = create_app();
  json body = stripe();
  body["app_id"] = app;
  body["account_id"] = "acct_1";
  const std::string integration = create(body);
  const json shown = parse(ask("GET", "/v1/integrations/" + integration));
  EXPECT_EQ(shown["app_id"], app);
  EXPECT_EQ(shown["account_id"], "acct_1");
  EXPECT_EQ(ask("DELETE", "/v1/apps/" + app).status, 409) << "an integration names it";
  body["app_id"] = "0190a000-0000-7000-8000-000000000000";
  EXPECT_EQ(parse(ask("POST", "/v1/integrations", body))["errors"][0]["field"], "app_id");
  allow();
  json other = good();
  other["app_id"] = app;
  EXPECT_THAT(ask("POST", "/v1/integrations", other).body, HasSubstr("not of example"));
  EXPECT_EQ(ask("PATCH", "/v1/integrations/" + integration, {{"app_id", ""}}).status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/apps/" + app).status, 204);
}

TEST_F(AppRoutesTest, AnotherTenantUsesASharedAppButDoesNotChangeIt) {
  const Answer made = control("POST", "/v1/apps", [] {
    json body = good_app();
    body["shared"] = true;
    return body;
  }(), {{"X-Tomada-Tenant", "demo"}});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string shared = parse(made)["id"];
  const std::string own = create_app();
  ASSERT_EQ(control("POST", "/control/tenants", {{"name", "other"}}).status, 201);
  allow("stripe", "other");
  key = parse(control("POST", "/control/keys", {{"tenant", "other"}, {"role", "admin"}}))["key"];
  EXPECT_EQ(ask("GET", "/v1/apps/" + shared).status, 200);
  EXPECT_EQ(ask("GET", "/v1/apps/" + own).status, 404);
  EXPECT_EQ(ask("PATCH", "/v1/apps/" + shared, {{"name", "mine"}}).status, 403);
  EXPECT_EQ(ask("DELETE", "/v1/apps/" + shared).status, 403);
  EXPECT_EQ(ask("GET", "/v1/apps/" + shared + "/webhooks/logs").status, 404) << "the owner's only";
  json body = stripe();
  body["app_id"] = shared;
  EXPECT_EQ(ask("POST", "/v1/integrations", body).status, 201);
}

TEST_F(AppRoutesTest, EventsOfUnknownAccountsAreInTheAppsLog) {
  const std::string app = create_app();
  const std::string id = runtime::run(loop, [&](runtime::Task& task) -> std::string {
    const auto tenant = store->tenants().find_by_name(task, "demo");
    const store::NewWebhook event{.webhook_id = store::make_webhook_id(clock.unix_ms()), .tenant_id = (*tenant)->tenant_id,
                                  .app_id = app, .event_id = "evt_x", .headers = "A: b\n", .body = "whsec_hush",
                                  .received_at_ms = clock.unix_ms(), .processing_status = "ignored"};
    EXPECT_TRUE(store->webhooks().accept(task, std::span(&event, 1)).has_value());
    return store::format_webhook_id(event.webhook_id);
  });
  EXPECT_EQ(parse(ask("GET", "/v1/apps/" + app + "/webhooks/logs"))["logs"][0]["event_id"], "evt_x");
  EXPECT_EQ(parse(ask("GET", "/v1/apps/" + app + "/webhooks/logs/" + id))["body"], "***");
}

}  // namespace
}  // namespace tomada::serve
