#include "tests/unit/cli/played_control.hpp"

namespace tomada::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST_F(CliCommands, AKeyStandsAloneOnStdout) {
  control.answer(201, {{"key", "tmd_abc"}});
  EXPECT_EQ(create_key(control, output, "demo", "admin"), 0);
  EXPECT_EQ(out.str(), "tmd_abc\n");
  EXPECT_EQ(control.requests[0].path, "/control/keys");
  EXPECT_EQ(json::parse(control.requests[0].body), (json{{"tenant", "demo"}, {"role", "admin"}}));
  EXPECT_EQ(control.requests[0].origin, serve::Origin::control);
}

TEST_F(CliCommands, ARefusalIsItsSentenceAndCodeOne) {
  control.answer(409, {{"detail", "there is a tenant named demo already"}});
  EXPECT_EQ(create_tenant(control, output, "demo"), 1);
  EXPECT_EQ(out.str(), "");
  EXPECT_EQ(err.str(), "tomada: there is a tenant named demo already\n");
}

/// What the host answers to the question what is asked for.
json request_of(const std::string& asks_for, const json& approved = nullptr, const json& more = nullptr) {
  return {{"plugin", "a"}, {"version", "1.4.0"}, {"publisher", "Some\x1b[2Kone"}, {"asks_for", asks_for}, {"approved", approved},
          {"approved_by", "ann"}, {"approved_at", "2026-01-01T00:00:00Z"}, {"asks_for_more", more},
          {"capabilities", {{"hosts", json::array({"x.test"})}, {"secrets", false}, {"storage", false}}}};
}

TEST_F(CliCommands, APluginIsAllowedWhenSomebodySaysYesToWhatItAsksFor) {
  control.answer(200, request_of("requests to x.test"));
  control.answer(200, json::object());
  std::istringstream yes("y\n");
  EXPECT_EQ(allow_plugin(control, output, {.plugin = "a", .tenant = "acme"}, &yes), 0);
  EXPECT_EQ(out.str(), "a 1.4.0 by Some?[2Kone asks for: requests to x.test\n"
                       "Allow this for the tenant acme? [y/N] plugin a is allowed for the tenant acme\n");
  EXPECT_EQ(json::parse(control.requests[1].body)["capabilities"], request_of("")["capabilities"]) << "what was shown";
  for (const char* const no : {"n\n", "\n", "", "yep\n"}) {
    control.answer(200, request_of("requests to x.test"));
    std::istringstream said(no);
    EXPECT_EQ(allow_plugin(control, output, {.plugin = "a", .tenant = "acme"}, &said), 1) << no;
  }
  EXPECT_EQ(control.requests.size(), 6u) << "nothing more was allowed";
}

TEST_F(CliCommands, WithoutATerminalAPluginIsAllowedWithYesOnly) {
  const json approved = request_of("")["capabilities"];
  control.answer(200, request_of("requests to x.test, y.test", approved, "requests to y.test"));
  EXPECT_EQ(allow_plugin(control, output, {.plugin = "a", .tenant = "acme"}, nullptr), 1);
  EXPECT_THAT(out.str(), HasSubstr("approved before: by ann at 2026-01-01T00:00:00Z\nnew: requests to y.test\n"));
  EXPECT_THAT(err.str(), HasSubstr("add --yes"));
  control.answer(200, request_of("requests to x.test", approved));
  EXPECT_EQ(allow_plugin(control, output, {.plugin = "a", .tenant = "acme"}, nullptr), 0);
  EXPECT_THAT(out.str(), HasSubstr("is allowed for the tenant acme already"));
  EXPECT_EQ(control.requests.size(), 2u) << "nothing to allow";
}

TEST_F(CliCommands, PluginListShowsWhoWaits) {
  control.answer(200, {{"plugins", json::array()}, {"available", json::array({
      {{"id", "a"}, {"versions", json::array({{{"version", "1.5.0"}, {"current", true}}})}, {"quarantine", nullptr},
       {"waiting", json::array({{{"tenant", "acme"}, {"version", "1.5.0"}, {"asks_for_more", "requests to x"}, {"uses", "1.4.0"}},
                                {{"tenant", "new"}, {"version", "1.5.0"}, {"asks_for_more", "requests to x"}, {"uses", nullptr}}})}}})}});
  EXPECT_EQ(list_plugins(control, output, false), 0);
  EXPECT_EQ(out.str(), "a: 1.5.0 (current)\n"
                       "  waiting      tenant acme: version 1.5.0 asks for more: requests to x; calls use 1.4.0; approve it with: "
                       "tomada plugin allow a --tenant acme\n"
                       "  waiting      tenant new: version 1.5.0 asks for more: requests to x; no call runs; approve it with: "
                       "tomada plugin allow a --tenant new\n");
}

TEST_F(CliCommands, NamesInPathsAreEncodedAndTenantsCannotAddHeaders) {
  control.answer(200, request_of("nothing"));
  control.answer(200, {{"allowed", true}});
  EXPECT_EQ(allow_plugin(control, output, {.plugin = "a/b?c@1&2", .tenant = "d&o", .yes = true}, nullptr), 0);
  EXPECT_EQ(control.requests[0].path, "/control/plugins/a%2Fb%3Fc/capabilities");
  EXPECT_EQ(control.requests[0].query, "tenant=d%26o&version=1%262");
  EXPECT_EQ(control.requests[1].path, "/control/plugins/a%2Fb%3Fc/allow");
  EXPECT_EQ(show_sync(control, output, "demo\r\nX: y", "s3", false), 1);
  EXPECT_EQ(control.requests.size(), 2u);
}

TEST_F(CliCommands, PluginListSaysWhyAFileIsRefused) {
  control.answer(200, {{"plugin_dir", "/p"}, {"plugins", json::array({
      {{"file", "/p/a.so"}, {"id", "a"}, {"version", "1.0.0"}, {"sha256", "ff"}, {"available", true}, {"refusals", json::array()}},
      {{"file", "/p/b.so"}, {"available", false}, {"refusals", json::array({{{"rule", "P01"}, {"reason", "not ELF"}}})}}})}});
  EXPECT_EQ(list_plugins(control, output, false), 0);
  EXPECT_THAT(out.str(), HasSubstr("available  a 1.0.0  a.so"));
  EXPECT_THAT(out.str(), HasSubstr("refused    b.so  P01: not ELF"));
}

TEST_F(CliCommands, PluginListShowsVersionsPinsAndQuarantine) {
  control.answer(200, {{"plugins", json::array()}, {"available", json::array({
      {{"id", "quiet"}, {"versions", json::array({{{"version", "1.0.0"}, {"current", true}, {"previous", false}}})},
       {"pins", json::array()}, {"quarantine", nullptr}},
      {{"id", "a"}, {"versions", json::array({{{"version", "1.1.0"}, {"current", true}, {"previous", false}},
                                              {{"version", "1.0.0"}, {"current", false}, {"previous", true}}})},
       {"pins", json::array({{{"tenant", "acme"}, {"version", "1.0.0"}, {"available", true}}})},
       {"quarantine", {{"version", "1.1.0"}, {"reason", "3 crashes"}, {"since", "2026-01-01T00:00:00Z"}}}}})}});
  EXPECT_EQ(list_plugins(control, output, false), 0);
  EXPECT_EQ(out.str(), "a: 1.1.0 (current), 1.0.0 (previous)\n"
                       "  pinned       tenant acme to 1.0.0\n"
                       "  quarantine   since 2026-01-01T00:00:00Z: 3 crashes; release it with: tomada plugin release a\n");
}

TEST_F(CliCommands, APinNamesAVersion) {
  for (const char* const wrong : {"a", "a@", "@1.0.0"}) EXPECT_EQ(pin_plugin(control, output, wrong, "acme"), 1);
  EXPECT_TRUE(control.requests.empty());
  control.answer(200, json::object());
  EXPECT_EQ(pin_plugin(control, output, "a@1.0.0", "acme"), 0);
  EXPECT_EQ(control.requests[0].path, "/control/plugins/a/pin");
  EXPECT_EQ(json::parse(control.requests[0].body), (json{{"tenant", "acme"}, {"version", "1.0.0"}}));
}

json sync_row(const std::string& status) {
  return {{"sync_id", "s1"}, {"status", status}, {"records_processed", 10}, {"records_changed", 3}, {"records_deleted", 1},
          {"records_failed", 0}, {"duration_ms", 1234}};
}
json status_of(const std::string& status, int current) {
  return {{"status", status}, {"progress", {{"current", current}, {"total", 10}, {"percentage", current * 10}}}, {"sync", sync_row(status)}};
}

TEST_F(CliCommands, SyncRunWaitsShowsProgressAndCounts) {
  control.answer(202, {{"sync_id", "s1"}});
  control.answer(200, status_of("processing", 2));
  control.answer(200, status_of("processing", 2));
  control.answer(200, status_of("processing", 7));
  control.answer(200, status_of("completed", 10));
  int pauses = 0;
  EXPECT_EQ(run_sync(control, output, {"demo", "s3", "", "full", true}, [&] { ++pauses; }), 0);
  EXPECT_EQ(pauses, 3);
  EXPECT_EQ(out.str(), "completed: 10 records, 3 changed, 1 deleted, 0 failed in 1.2 s\n");
  EXPECT_EQ(err.str(), "processing: 2 of 10 (20%) records\nprocessing: 7 of 10 (70%) records\n");
  EXPECT_EQ(json::parse(control.requests[0].body), (json{{"mode", "full"}}));
  EXPECT_EQ(control.requests[0].header("x-tomada-tenant"), "demo");
}

TEST_F(CliCommands, AFailedSyncIsCodeOneEvenWhenANewerOneRuns) {
  control.answer(202, {{"sync_id", "s1"}});
  json newer = status_of("processing", 1);
  newer["sync"]["sync_id"] = "s2";
  control.answer(200, newer);
  json row = sync_row("failed");
  row["error"] = {{"code", "unauthenticated"}, {"message", "wrong token"}};
  control.answer(200, {{"logs", json::array({row})}});
  EXPECT_EQ(run_sync(control, output, {"demo", "s3", "item", "incremental", true}, [] {}), 1);
  EXPECT_THAT(out.str(), HasSubstr("failed: 10 records"));
  EXPECT_THAT(out.str(), HasSubstr("unauthenticated: wrong token"));
}

TEST_F(CliCommands, WithoutWaitingTheIdIsAlone) {
  control.answer(202, {{"sync_id", "s1"}});
  EXPECT_EQ(run_sync(control, output, {"demo", "s3", "", "full", false}, [] {}), 0);
  EXPECT_EQ(out.str(), "s1\n");
}

TEST_F(CliCommands, InspectOfAMissingFileIsASentence) {
  EXPECT_EQ(inspect_plugin(output, "/no/such/file.so", false), 1);
  EXPECT_THAT(err.str(), HasSubstr("/no/such/file.so"));
}

TEST(SocketControl, NobodyThereIsNoControl) {
  auto control = open_socket_control("/no/such/folder/control.sock");
  ASSERT_TRUE(control.has_value());
  EXPECT_EQ(*control, nullptr);
}

}  // namespace
}  // namespace tomada::cli
