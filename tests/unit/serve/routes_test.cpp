// What the API answers, route by route.
#include "tests/unit/serve/routes_fixture.hpp"

namespace tomada::serve {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(RoutesTest, WithoutAKeyThereIsAChallenge) {
  key = "tmd_wrong";
  const Answer answer = ask("GET", "/v1/integrations");
  EXPECT_EQ(answer.status, 401);
  EXPECT_THAT(answer.headers, testing::Contains(testing::Pair("WWW-Authenticate", "Bearer")));
  EXPECT_THAT(answer.body, Not(HasSubstr("tmd_wrong")));
}

TEST_F(RoutesTest, TheControlSocketChoosesTheTenantByName) {
  EXPECT_EQ(control("GET", "/v1/integrations").status, 400);
  EXPECT_EQ(control("GET", "/v1/integrations", nullptr, {{"X-Tomada-Tenant", "nobody"}}).status, 404);
  EXPECT_EQ(control("GET", "/v1/integrations", nullptr, {{"x-tomada-tenant", "demo"}}).status, 200);
  EXPECT_EQ(ask("POST", "/control/tenants", {{"name", "x"}}).status, 404) << "not over the network";
}

TEST_F(RoutesTest, TenantsAndKeysAreMadeOnceAndChecked) {
  EXPECT_EQ(control("POST", "/control/tenants", {{"name", "demo"}}).status, 409);
  for (const char* name : {"", "a b", "-x", "ä", "a/b"}) EXPECT_EQ(control("POST", "/control/tenants", {{"name", name}}).status, 422) << name;
  EXPECT_EQ(control("POST", "/control/keys", {{"tenant", "nobody"}, {"role", "admin"}}).status, 404);
  EXPECT_EQ(control("POST", "/control/keys", {{"tenant", "demo"}, {"role", "king"}}).status, 422);
  EXPECT_EQ(control("POST", "/control/plugins/nope/allow", {{"tenant", "demo"}, {"capabilities", nothing()}}).status, 404);
}

TEST_F(RoutesTest, WhatAPluginAsksForIsSeenAndThenApproved) {
  const json before = parse(control("GET", "/control/plugins/stripe/capabilities?tenant=demo"));
  EXPECT_EQ(before["asks_for"], "requests to api.stripe.com");
  EXPECT_EQ(before["approved"], nullptr);
  const Answer blind = control("POST", "/control/plugins/stripe/allow", {{"tenant", "demo"}});
  EXPECT_EQ(blind.status, 422);
  EXPECT_THAT(blind.body, HasSubstr("/control/plugins/stripe/capabilities?tenant=demo"));
  const Answer less = control("POST", "/control/plugins/stripe/allow", {{"tenant", "demo"}, {"capabilities", nothing()}});
  EXPECT_EQ(less.status, 409);
  EXPECT_THAT(less.body, HasSubstr("asks for more: requests to api.stripe.com"));
  json wrong = nothing();
  wrong["root"] = true;
  EXPECT_EQ(control("POST", "/control/plugins/stripe/allow", {{"tenant", "demo"}, {"capabilities", wrong}}).status, 422);
  EXPECT_EQ(control("GET", "/control/plugins/stripe/capabilities?tenant=demo&version=9.9.9").status, 404);
  EXPECT_EQ(control("GET", "/control/plugins/stripe/capabilities?tenant=nobody").status, 404);
  EXPECT_EQ(ask("GET", "/control/plugins/stripe/capabilities?tenant=demo").status, 404) << "not over the network";
  allow("stripe");
  const json after = parse(control("GET", "/control/plugins/stripe/capabilities?tenant=demo"));
  EXPECT_EQ(after["approved"], before["capabilities"]);
  EXPECT_EQ(after["asks_for_more"], nullptr);
  EXPECT_EQ(after["approved_by"], "operator") << "nobody on a socket";
}

TEST_F(RoutesTest, PluginsShowWhetherTheyAreAllowed) {
  EXPECT_EQ(parse(ask("GET", "/v1/plugins"))["plugins"][0]["allowed"], false);
  allow();
  const json plugin = parse(ask("GET", "/v1/plugins"))["plugins"][0];
  EXPECT_EQ(plugin["id"], "example");
  EXPECT_EQ(plugin["allowed"], true);
  EXPECT_EQ(plugin["sha256"].get<std::string>().size(), 64u);
  for (const char* field : {"name", "version", "publisher", "entities", "support_level", "config_schema", "credentials_schema", "capabilities", "waiting"})
    EXPECT_TRUE(plugin.contains(field)) << field;
}

TEST_F(RoutesTest, CreatingRefusesInWords) {
  const Answer forbidden = ask("POST", "/v1/integrations", good());
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_THAT(forbidden.body, HasSubstr("tomada plugin allow example --tenant demo"));
  allow();
  json body = good();
  body["provider"] = "hubspot";
  EXPECT_THAT(ask("POST", "/v1/integrations", body).body, HasSubstr("available: example, stripe"));
  body = good();
  body["config"] = {{"base_url", 7}};
  const Answer wrong = ask("POST", "/v1/integrations", body);
  EXPECT_EQ(wrong.status, 422);
  EXPECT_THAT(parse(wrong)["errors"][0]["field"].get<std::string>(), HasSubstr("base_url"));
  body = good();
  body["credentials"] = {{"token", 1234567}};
  const Answer secret = ask("POST", "/v1/integrations", body);
  EXPECT_EQ(secret.status, 422);
  EXPECT_THAT(secret.body, Not(HasSubstr("1234567")));
  EXPECT_TRUE(parse(ask("GET", "/v1/integrations"))["integrations"].empty()) << "nothing was made";
}

TEST_F(RoutesTest, AnIntegrationLivesAndIsNeverSeenWithItsCredentials) {
  allow();
  const std::string id = create();
  const Answer one = ask("GET", "/v1/integrations/" + id);
  EXPECT_EQ(one.status, 200);
  EXPECT_THAT(one.body, Not(HasSubstr("hush-hush")));
  EXPECT_EQ(parse(one)["config"]["base_url"], "https://api.example.com");
  EXPECT_EQ(parse(one)["status"], "created");
  const json listed = parse(ask("GET", "/v1/integrations"))["integrations"][0];
  EXPECT_EQ(listed["id"], id);
  EXPECT_EQ(listed["lastSync"], nullptr);
  EXPECT_EQ(listed["health"], "unknown");
  EXPECT_EQ(ask("GET", "/v1/integrations/example").status, 200) << "the only one of its provider";

  EXPECT_EQ(ask("PATCH", "/v1/integrations/" + id, {{"colour", "red"}}).status, 422);
  EXPECT_EQ(ask("PATCH", "/v1/integrations/" + id, {{"name", ""}}).status, 422);
  const Answer changed = ask("PATCH", "/v1/integrations/" + id, {{"name", "renamed"}, {"is_enabled", false}});
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(parse(changed)["name"], "renamed");
  EXPECT_EQ(parse(changed)["status"], "disabled");

  EXPECT_EQ(ask("DELETE", "/v1/integrations/" + id).status, 204);
  EXPECT_EQ(ask("GET", "/v1/integrations/" + id).status, 404);
  EXPECT_EQ(ask("GET", "/v1/integrations/example").status, 404);
}

TEST_F(RoutesTest, AProvidersIdIsAmbiguousWhenThereAreTwo) {
  allow();
  const std::string first = create();
  const std::string second = create();
  const Answer answer = ask("GET", "/v1/integrations/example");
  EXPECT_EQ(answer.status, 409);
  EXPECT_THAT(answer.body, testing::AllOf(HasSubstr(first), HasSubstr(second)));
  const json page = parse(ask("GET", "/v1/integrations?limit=1"));
  EXPECT_EQ(page["integrations"].size(), 1u);
  const json rest = parse(ask("GET", "/v1/integrations?limit=1&cursor=" + page["next_cursor"].get<std::string>()));
  EXPECT_EQ(rest["integrations"][0]["id"], second);
}

TEST_F(RoutesTest, ConnectMakesTheIntegrationTestsItAndChangesIt) {
  allow();
  const json body{{"credentials", {{"token", "a"}}}, {"config", {{"base_url", "https://api.example.com"}}}};
  const Answer made = ask("POST", "/v1/integrations/example/connect", body);
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(parse(made)["status"], "connected");
  EXPECT_EQ(parse(made)["test"]["ok"], true);
  syncing->ok = false;
  const Answer again = ask("POST", "/v1/integrations/example/connect", {{"credentials", {{"token", "b"}}}});
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(parse(again)["id"], parse(made)["id"]);
  EXPECT_EQ(parse(again)["status"], "reconnect_needed");
  EXPECT_EQ(parse(again)["test"]["error_code"], "unauthenticated");
  EXPECT_EQ(parse(ask("POST", "/v1/integrations/example/test"))["ok"], false);
  EXPECT_EQ(ask("POST", "/v1/integrations/0190a000-0000-7000-8000-000000000000/connect", body).status, 404);
  EXPECT_EQ(ask("POST", "/v1/integrations/nope/connect", body).status, 422);
}

TEST_F(RoutesTest, ASyncIsAcceptedAndShown) {
  allow();
  const std::string id = create();
  EXPECT_EQ(parse(ask("GET", "/v1/integrations/" + id + "/sync/status"))["sync"], nullptr);
  const Answer accepted = ask("POST", "/v1/integrations/" + id + "/sync", {{"type", "item"}, {"mode", "full"}});
  EXPECT_EQ(accepted.status, 202) << accepted.body;
  const std::string sync_id = parse(accepted)["sync_id"];
  const json status = parse(ask("GET", "/v1/integrations/" + id + "/status"));
  EXPECT_EQ(status["status"], "syncing");
  EXPECT_EQ(status["progress"], (json{{"current", 0}, {"total", nullptr}, {"percentage", nullptr}}));
  EXPECT_EQ(status["eta"], nullptr);
  EXPECT_EQ(ask("POST", "/v1/integrations/" + id + "/sync", {{"mode", "full"}}).status, 409);
  EXPECT_EQ(parse(ask("GET", "/v1/integrations/" + id + "/sync/logs?filter=pending"))["logs"][0]["sync_id"], sync_id);
  EXPECT_TRUE(parse(ask("GET", "/v1/integrations/" + id + "/sync/logs?status=failed"))["logs"].empty());
  EXPECT_EQ(ask("GET", "/v1/integrations/" + id + "/sync/logs?status=odd").status, 400);
  EXPECT_EQ(ask("GET", "/v1/integrations/" + id + "/sync/logs?cursor=odd").status, 400);
}

TEST_F(RoutesTest, RecordsComeInChangeOrderAndTheCursorFollows) {
  allow();
  const std::string id = create();
  const auto filled = runtime::run(loop, [&](runtime::Task& task) -> Result<void> {
    TOMADA_TRY_ASSIGN(const auto tenant, store->tenants().find_by_name(task, "demo"));
    TOMADA_TRY_ASSIGN(const auto integration, store->integrations().find(task, tenant->tenant_id, id));
    TOMADA_TRY_ASSIGN(const auto sync_id, syncing->enqueue(task, *integration, "item", "full"));
    TOMADA_TRY_ASSIGN(const auto jobs, store->jobs().lease(task, clock.unix_ms(), 60'000, 1));
    if (jobs.empty()) return fail(Errc::internal, "no job");
    store::Page page;
    page.tenant_id = tenant->tenant_id;
    page.config_id = id;
    page.sync_id = sync_id;
    page.fencing_token = jobs.front().fencing_token;
    page.entity = "item";
    page.now_ms = clock.unix_ms();
    for (int i = 0; i < 250; ++i)
      page.changes.push_back({"item", "id \"" + std::to_string(i), R"({"n":)" + std::to_string(i) + "}", 1767225600000, false});
    TOMADA_TRY_ASSIGN(const auto outcome, store->records().commit(task, page));
    return outcome.changed_count == 250 ? Result<void>{} : fail(Errc::internal, "not all were new");
  });
  ASSERT_TRUE(filled.has_value()) << filled.error().message;
  std::vector<std::string> seen;
  std::string cursor;
  for (int pages = 0; pages < 10; ++pages) {
    const json page = parse(ask("GET", "/v1/integrations/" + id + "/records?entity=item&limit=120" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const json& record : page["records"]) seen.push_back(record["external_id"]);
    if (page["next_cursor"].is_null()) break;
    cursor = page["next_cursor"];
  }
  ASSERT_EQ(seen.size(), 250u);
  EXPECT_EQ(seen.front(), "id \"0");
  EXPECT_EQ(seen.back(), "id \"249");
  const json first = parse(ask("GET", "/v1/integrations/" + id + "/records?limit=1"))["records"][0];
  EXPECT_EQ(first, (json{{"external_id", "id \"0"}, {"entity", "item"}, {"data", {{"n", 0}}}, {"deleted", false},
                         {"updated_at", "2026-01-01T00:00:00.000Z"}, {"version", 1}}));
  EXPECT_EQ(ask("GET", "/v1/integrations/" + id + "/records?cursor=zz").status, 400);
  EXPECT_EQ(ask("GET", "/v1/integrations/" + id + "/records?limit=1001").status, 400);
  EXPECT_TRUE(parse(ask("GET", "/v1/integrations/" + id + "/records?entity=other"))["records"].empty());
}

TEST_F(RoutesTest, HealthHasTheUsersShape) {
  key.clear();
  clock.advance(std::chrono::seconds(90));
  const Answer answer = ask("GET", "/health");
  EXPECT_EQ(answer.status, 200);
  const json health = parse(answer);
  EXPECT_EQ(health["status"], "healthy");
  EXPECT_EQ(health["timestamp"], "2026-01-01T00:01:30.000Z");
  EXPECT_EQ(health["checks"]["database"], "healthy");
  EXPECT_EQ(health["checks"]["queue"], "healthy");
  EXPECT_EQ(health["checks"]["webhooks"], "healthy");
  EXPECT_EQ(health["metrics"]["webhooks_pending"], 0);
  EXPECT_EQ(health["metrics"]["webhooks_failed"], 0);
  EXPECT_TRUE(health["checks"]["integrations"].is_object());
  EXPECT_EQ(health["metrics"]["uptime"], 90);
  EXPECT_EQ(health["metrics"]["error_rate"], 0.0);
  EXPECT_EQ(ask("GET", "/health/ready").status, 200);
  EXPECT_EQ(ask("GET", "/health/live").status, 200);
  EXPECT_THAT(ask("GET", "/metrics").body, HasSubstr("tomada_jobs{state=\"waiting\"} 0"));
  EXPECT_THAT(ask("GET", "/metrics").body, HasSubstr("webhook_pending 0"));
}

TEST_F(RoutesTest, AViewerReadsAndAnOperatorSyncs) {
  allow();
  const std::string id = create();
  key = parse(control("POST", "/control/keys", {{"tenant", "demo"}, {"role", "viewer"}}))["key"];
  EXPECT_EQ(ask("GET", "/v1/integrations/" + id).status, 200);
  EXPECT_EQ(ask("POST", "/v1/integrations/" + id + "/sync", json::object()).status, 403);
  key = parse(control("POST", "/control/keys", {{"tenant", "demo"}, {"role", "operator"}}))["key"];
  EXPECT_EQ(ask("POST", "/v1/integrations/" + id + "/sync", json::object()).status, 202);
  EXPECT_EQ(ask("PATCH", "/v1/integrations/" + id, {{"name", "x"}}).status, 403);
}

}  // namespace
}  // namespace tomada::serve
