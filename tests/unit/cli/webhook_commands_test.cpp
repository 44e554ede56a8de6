#include "tests/unit/cli/played_control.hpp"

namespace tomada::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json event(const std::string& id) {
  return {{"id", id}, {"event_id", "evt_" + id}, {"type", "charge.failed"}, {"status", "failed"}, {"verified", true}, {"attempts", 6},
          {"received_at", "2026-01-01T00:00:00.000Z"}, {"error", {{"code", "permanent"}, {"message", "no such customer"}}}};
}

TEST_F(CliCommands, WebhooksAreATableWithWhatWasAskedFor) {
  control.answer(200, {{"logs", {event("01"), event("02")}}, {"next_cursor", "02"}});
  EXPECT_EQ(list_webhooks(control, output, {.tenant = "demo", .integration = "stripe", .status = "failed", .since = "2026-01-01T00:00:00+01:00"}, false), 0);
  EXPECT_EQ(control.requests[0].path, "/v1/integrations/stripe/webhooks/logs");
  EXPECT_EQ(control.requests[0].query, "status=failed&since=2026-01-01T00%3A00%3A00%2B01%3A00&limit=50");
  EXPECT_THAT(out.str(), testing::StartsWith("ID  RECEIVED"));
  EXPECT_THAT(out.str(), HasSubstr("01  2026-01-01T00:00:00.000Z  failed  yes       6         charge.failed  evt_01  permanent: no such customer\n"));
  EXPECT_EQ(err.str(), "Older ones: --cursor 02\n");
}

TEST_F(CliCommands, AWebhookIsShownWholeAndDoesNotSteerTheTerminal) {
  json one = event("01");
  one["headers"] = {{{"name", "X-A"}, {"value", "b\x1b[2J"}}};
  one["body"] = "{\"a\":\n1}\x1b[31m";
  one["body_encoding"] = "utf-8";
  one["attempt_log"] = {{{"attempt", 1}, {"started_at", "2026-01-01T00:00:01.000Z"}, {"duration_ms", 1.5}, {"error", nullptr}}};
  control.answer(200, one);
  EXPECT_EQ(show_webhook(control, output, "demo", "stripe", "0/1", false), 0);
  EXPECT_EQ(control.requests[0].path, "/v1/integrations/stripe/webhooks/logs/0%2F1");
  EXPECT_THAT(out.str(), HasSubstr("X-A: b?[2J\n"));
  EXPECT_THAT(out.str(), HasSubstr("{\"a\":\n1}?[31m\n"));
  EXPECT_THAT(out.str(), HasSubstr("attempt 1 2026-01-01T00:00:01.000Z, 1.5 ms: fine\n"));
  EXPECT_THAT(out.str(), Not(HasSubstr("\x1b")));
}

TEST_F(CliCommands, ReplayGoesOnUntilNothingIsLeft) {
  control.answer(202, {{"replayed", 10'000}, {"next_cursor", "0a"}});
  control.answer(202, {{"replayed", 5}, {"next_cursor", nullptr}});
  EXPECT_EQ(replay_webhooks(control, output, {.tenant = "demo", .integration = "stripe", .ids = {}, .dead = true}), 0);
  EXPECT_EQ(out.str(), "10005 events are worked off again\n");
  EXPECT_EQ(json::parse(control.requests[0].body), (json{{"dead", true}}));
  EXPECT_EQ(json::parse(control.requests[1].body), (json{{"dead", true}, {"cursor", "0a"}}));
}

TEST_F(CliCommands, TheDeadOfAllIntegrationsAreOneList) {
  control.answer(200, {{"integrations", {{{"id", "i1"}}, {{"id", "i2"}}}}, {"next_cursor", nullptr}});
  control.answer(200, {{"logs", {event("01")}}, {"next_cursor", nullptr}});
  control.answer(200, {{"logs", {event("02")}}, {"next_cursor", nullptr}});
  EXPECT_EQ(list_dead_webhooks(control, output, "demo", "", true), 0);
  const json dead = json::parse(out.str());
  EXPECT_EQ(dead[0]["integration"], "i1");
  EXPECT_EQ(dead[1]["id"], "02");
  EXPECT_EQ(control.requests[1].query, "status=failed&verified=true&limit=1000");
}

TEST_F(CliCommands, AnAppsSecretsComeFromAStream) {
  std::istringstream credentials(R"({"webhook_secret": "hush"})");
  control.answer(201, {{"id", "app-1"}, {"webhook_url", "https://hooks.test/webhooks/apps/app-1"}});
  EXPECT_EQ(create_app(control, output, {.tenant = "demo", .provider = "stripe", .name = {}, .shared = true}, &credentials), 0);
  EXPECT_EQ(json::parse(control.requests[0].body),
            (json{{"provider", "stripe"}, {"shared", true}, {"credentials", {{"webhook_secret", "hush"}}}}));
  EXPECT_EQ(out.str(), "app-1\n");
  std::istringstream wrong("hush");
  EXPECT_EQ(create_app(control, output, {.tenant = "demo", .provider = "stripe"}, &wrong), 1);
  EXPECT_THAT(err.str(), Not(HasSubstr("hush\n")));
}

TEST_F(CliCommands, AppsAreListedAndRemoved) {
  control.answer(200, {{"apps", {{{"id", "app-1"}, {"provider", "stripe"}, {"name", "ours"}, {"is_enabled", true}}}}, {"next_cursor", nullptr}});
  EXPECT_EQ(list_apps(control, output, "demo", false), 0);
  EXPECT_THAT(out.str(), HasSubstr("app-1  stripe    ours  yes      no"));
  control.answer(204, nullptr);
  control.answers.back().body.clear();
  EXPECT_EQ(remove_app(control, output, "demo", "app-1"), 0);
  EXPECT_EQ(control.requests[1].method, "DELETE");
}

}  // namespace
}  // namespace tomada::cli
