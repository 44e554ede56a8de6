// What is remembered of plugins, on each engine; with the store closed and opened again, and rows changed behind its back.
#include "host/store/plugins.hpp"

#include "host/store/postgres/connection.hpp"
#include "host/store/postgres/open.hpp"
#include "host/store/sqlite/connection.hpp"
#include "host/store/sqlite/open.hpp"
#include "tests/support/postgres_database.hpp"
#include "tests/support/store_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <optional>

namespace tomada::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using runtime::Task;

class PluginsTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (is_postgres()) {
      auto created = PostgresDatabase::create();
      ASSERT_TRUE(created.has_value()) << created.error().message;
      database_.emplace(*std::move(created));
    }
    reopen();
    acme = add_tenant(*store, "acme").tenant_id;
    other = add_tenant(*store, "other").tenant_id;
  }

  [[nodiscard]] static bool is_postgres() { return GetParam() == std::string_view("postgres"); }
  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "tomada.db"; }

  void reopen() {
    store.reset();
    store = value_of(is_postgres() ? postgres::open({.url = database_->url()}) : sqlite::open({.file = file()}));
    ASSERT_TRUE(store);
  }
  /// A statement outside of the store, which is closed meanwhile; tables without their schema.
  void behind_its_back(const std::string& statement) {
    store.reset();
    if (is_postgres()) {
      const auto connection = value_of(postgres::Connection::open(value_of(postgres::parse_address(database_->url())), {}));
      connection->execute("SELECT set_config('tomada.tenant_id', '*', false); SET search_path = integrations; " + statement);
      value_of(connection->take_result());
    } else {
      const auto connection = value_of(sqlite::Connection::open(file(), {}));
      connection->execute(statement);
      value_of(connection->take_result());
    }
    reopen();
  }

  Result<void> add(const std::string& sha256, std::int64_t at_ms, const std::string& version = "1.0.0",
                   const std::string& plugin_id = "stripe") {
    return on_loop([&](Task& task) {
      return store->plugins().add_version(
          task, {.plugin_id = plugin_id, .sha256 = sha256, .version = version, .installed_at_ms = at_ms});
    });
  }
  Result<void> remove(std::string_view sha256) {
    return on_loop([&](Task& task) { return store->plugins().remove_version(task, "stripe", sha256); });
  }
  Result<void> choose(std::string_view sha256, std::int64_t now_ms) {
    return on_loop([&](Task& task) { return store->plugins().choose(task, "stripe", sha256, now_ms); });
  }
  Result<void> pin(const std::string& tenant_id, const std::string& version, const std::string& plugin_id = "stripe") {
    return on_loop([&](Task& task) {
      return store->plugins().pin(task, {.plugin_id = plugin_id, .tenant_id = tenant_id, .version = version});
    });
  }
  Result<void> unpin(std::string_view tenant_id) {
    return on_loop([&](Task& task) { return store->plugins().unpin(task, "stripe", tenant_id); });
  }
  Result<void> approve(const std::string& tenant_id, const std::string& capabilities, const std::string& by, std::int64_t at_ms,
                       const std::string& plugin_id = "stripe") {
    return on_loop([&](Task& task) {
      return store->plugins().approve(task, {.plugin_id = plugin_id, .tenant_id = tenant_id, .capabilities = capabilities,
                                             .approved_by = by, .approved_at_ms = at_ms});
    });
  }
  Result<std::int64_t> adopt(const std::string& tenant_id, const std::string& capabilities) {
    return on_loop([&](Task& task) {
      return store->plugins().adopt(task, {.plugin_id = "stripe", .tenant_id = tenant_id, .capabilities = capabilities,
                                           .approved_by = "upgrade", .approved_at_ms = 9});
    });
  }
  Result<void> quarantine(const PluginQuarantine& quarantine) {
    return on_loop([&](Task& task) { return store->plugins().quarantine(task, quarantine); });
  }
  Result<void> release(std::string_view plugin_id) {
    return on_loop([&](Task& task) { return store->plugins().release(task, plugin_id); });
  }

  PluginState all() {
    return value_of(on_loop([&](Task& task) { return store->plugins().all(task); }));
  }
  std::vector<std::string> versions() {
    std::vector<std::string> lines;
    for (const PluginVersion& each : all().versions)
      lines.push_back(each.plugin_id + " " + each.sha256 + " " + each.version + " " + std::to_string(each.installed_at_ms));
    return lines;
  }
  std::vector<std::string> choices() {
    std::vector<std::string> lines;
    for (const PluginChoice& each : all().choices)
      lines.push_back(each.plugin_id + " " + each.sha256 + " before:" + each.previous_sha256 + " " + std::to_string(each.chosen_at_ms));
    return lines;
  }
  std::vector<std::string> pins() {
    std::vector<std::string> lines;
    for (const PluginPin& each : all().pins)
      lines.push_back(each.plugin_id + " " + (each.tenant_id == acme ? "acme" : each.tenant_id == other ? "other" : each.tenant_id) +
                      " " + each.version);
    return lines;
  }
  std::vector<std::string> approvals() {
    std::vector<std::string> lines;
    for (const PluginApproval& each : all().approvals)
      lines.push_back(each.plugin_id + " " + (each.tenant_id == acme ? "acme" : each.tenant_id == other ? "other" : each.tenant_id) +
                      " " + each.capabilities + " " + each.approved_by + " " + std::to_string(each.approved_at_ms));
    return lines;
  }
  std::vector<std::string> quarantines() {
    std::vector<std::string> lines;
    for (const PluginQuarantine& each : all().quarantines)
      lines.push_back(each.plugin_id + " " + each.version + " " + each.reason + " signal:" + std::to_string(each.signal) + " last:" +
                      each.last_service + " " + std::to_string(each.since_ms));
    return lines;
  }

  std::unique_ptr<Store> store;
  std::string acme, other;

 private:
  TempFolder folder_;
  std::optional<PostgresDatabase> database_;
};
INSTANTIATE_TEST_SUITE_P(Each, PluginsTest, ::testing::Values("sqlite", "postgres"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_P(PluginsTest, VersionsAreInTheOrderOfTheirTimesAndAddedOnce) {
  value_of(add("bb", 20, "1.1.0"));
  value_of(add("aa", 30, "1.2.0"));
  value_of(add("cc", 10, "1.0.0"));
  value_of(add("aa", 5, "2.0.0", "Zoom"));
  EXPECT_THAT(versions(), ElementsAre("Zoom aa 2.0.0 5", "stripe cc 1.0.0 10", "stripe bb 1.1.0 20", "stripe aa 1.2.0 30"));
  value_of(add("cc", 40, "1.0.0"));
  EXPECT_THAT(versions(), ElementsAre("Zoom aa 2.0.0 5", "stripe bb 1.1.0 20", "stripe aa 1.2.0 30", "stripe cc 1.0.0 40"));
}

TEST_P(PluginsTest, ChoosingTwiceKeepsThePreviousOneAndARollBackSwapsThem) {
  value_of(add("aa", 1));
  value_of(add("bb", 2));
  value_of(choose("aa", 10));
  EXPECT_THAT(choices(), ElementsAre("stripe aa before: 10"));
  value_of(choose("bb", 20));
  value_of(choose("bb", 30));
  EXPECT_THAT(choices(), ElementsAre("stripe bb before:aa 20"));
  value_of(choose("aa", 40));
  EXPECT_THAT(choices(), ElementsAre("stripe aa before:bb 40"));
}

TEST_P(PluginsTest, AnUnknownVersionIsNotChosen) {
  value_of(add("aa", 1));
  value_of(add("bb", 1, "1.0.0", "zoom"));
  EXPECT_EQ(code_of(choose("bb", 10)), Errc::not_found) << "another plugin's";
  EXPECT_THAT(choices(), IsEmpty());
}

TEST_P(PluginsTest, AVersionInUseIsNotRemoved) {
  for (const char* sha256 : {"aa", "bb", "cc", "dd"}) value_of(add(sha256, 1, std::string("1.0.0-") + sha256));
  value_of(choose("aa", 10));
  value_of(choose("bb", 20));
  value_of(pin(acme, "1.0.0-cc"));
  value_of(pin(acme, "1.0.0-dd", "zoom"));
  EXPECT_EQ(code_of(remove("bb")), Errc::conflict) << "chosen";
  EXPECT_EQ(code_of(remove("aa")), Errc::conflict) << "previous";
  EXPECT_EQ(code_of(remove("cc")), Errc::conflict) << "pinned";
  value_of(remove("dd"));
  EXPECT_EQ(code_of(remove("dd")), Errc::not_found);
  value_of(unpin(acme));
  value_of(remove("cc"));
  EXPECT_THAT(versions(), ElementsAre("stripe aa 1.0.0-aa 1", "stripe bb 1.0.0-bb 1"));
}

TEST_P(PluginsTest, OneVersionMoreThanTheCountTakesTheOldestThatIsNotInUse) {
  for (std::size_t i = 0; i < k_plugin_versions_count_max; ++i)
    value_of(add(std::string(1, static_cast<char>('a' + i)), static_cast<std::int64_t>(i), "1." + std::to_string(i)));
  value_of(add("a", 1, "1.0", "zoom"));  // counts for itself
  value_of(choose("a", 10));
  value_of(choose("b", 20));
  value_of(pin(acme, "1.2"));
  value_of(add("t", 19, "1.19"));  // is there already
  EXPECT_EQ(all().versions.size(), k_plugin_versions_count_max + 1);
  value_of(add("new", 0, "2.0"));  // oldest itself, by its time
  const auto left = all().versions;
  EXPECT_EQ(left.size(), k_plugin_versions_count_max + 1);
  const auto has = [&](std::string_view sha256) {
    return std::any_of(left.begin(), left.end(), [&](const PluginVersion& each) { return each.sha256 == sha256; });
  };
  for (const char* sha256 : {"a", "b", "c", "e", "t", "new"}) EXPECT_TRUE(has(sha256)) << sha256;
  EXPECT_FALSE(has("d"));
}

TEST_P(PluginsTest, WithAllVersionsInUseOneMoreIsAConflict) {
  for (std::size_t i = 0; i < k_plugin_versions_count_max; ++i) {
    const std::string version = "1." + std::to_string(i);
    value_of(add(std::string(1, static_cast<char>('a' + i)), 1, version));
    value_of(pin(add_tenant(*store, version).tenant_id, version));
  }
  const auto before = versions();
  EXPECT_EQ(code_of(add("new", 2, "2.0")), Errc::conflict);
  EXPECT_EQ(versions(), before);
}

TEST_P(PluginsTest, VersionsAddedAtOnceStayWithinTheCount) {
  for (const auto& result : on_loop_at_once(60, [&](Task& task, std::size_t i) {
         return store->plugins().add_version(
             task, {.plugin_id = "stripe", .sha256 = std::to_string(i), .version = "1.0.0", .installed_at_ms = 1});
       }))
    value_of(result);
  EXPECT_EQ(all().versions.size(), k_plugin_versions_count_max);
}

TEST_P(PluginsTest, ATenantHasOnePinForEachPlugin) {
  value_of(pin(acme, "1.0.0"));
  value_of(pin(other, "1.0.0"));
  value_of(pin(acme, "2.0.0", "Zoom"));
  value_of(pin(acme, "1.1.0"));
  EXPECT_THAT(pins(), ElementsAre("Zoom acme 2.0.0", "stripe acme 1.1.0", "stripe other 1.0.0"));
  value_of(unpin(acme));
  EXPECT_EQ(code_of(unpin(acme)), Errc::not_found);
  EXPECT_EQ(code_of(unpin("nobody")), Errc::not_found);
  EXPECT_THAT(pins(), ElementsAre("Zoom acme 2.0.0", "stripe other 1.0.0"));
  EXPECT_EQ(code_of(pin(new_id(), "1.0.0")), Errc::not_found);
  EXPECT_EQ(code_of(pin("nobody", "1.0.0")), Errc::not_found);
}

TEST_P(PluginsTest, APinGoesWithItsTenant) {
  value_of(pin(acme, "1.0.0"));
  value_of(pin(other, "1.0.0"));
  behind_its_back("DELETE FROM tenants WHERE tenant_id = '" + acme + "'");
  EXPECT_THAT(pins(), ElementsAre("stripe other 1.0.0"));
}

TEST_P(PluginsTest, OnePinMoreThanTheCountIsInvalidDataButReplacingIsNot) {
  behind_its_back("INSERT INTO plugin_pins (plugin_id, tenant_id, version) WITH RECURSIVE numbers(n) AS"
                  " (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < " + std::to_string(k_plugin_pins_count_max - 1) +
                  ") SELECT 'p' || n, '" + acme + "', '1.0.0' FROM numbers");
  value_of(pin(other, "1.0.0"));
  EXPECT_EQ(code_of(pin(acme, "1.0.0")), Errc::invalid_data);
  value_of(pin(other, "1.1.0"));
  EXPECT_EQ(all().pins.size(), k_plugin_pins_count_max);
  EXPECT_EQ(pins().back(), "stripe other 1.1.0");
  value_of(unpin(other));
  value_of(pin(acme, "1.0.0"));
}

TEST_P(PluginsTest, AnApprovalIsReplacedAndIsOfOneTenant) {
  value_of(approve(acme, "{}", "root", 5));
  value_of(approve(other, "{}", "root", 6));
  value_of(approve(acme, "{\"hosts\":[\"it's\"]}", "ann", 7));
  value_of(approve(acme, "{}", "ann", 8, "Zoom"));
  EXPECT_THAT(approvals(), ElementsAre("Zoom acme {} ann 8", "stripe acme {\"hosts\":[\"it's\"]} ann 7", "stripe other {} root 6"));
  EXPECT_EQ(code_of(approve(new_id(), "{}", "root", 1)), Errc::not_found);
  EXPECT_EQ(code_of(approve("nobody", "{}", "root", 1)), Errc::not_found);
  reopen();
  EXPECT_EQ(approvals().size(), 3u);
}

TEST_P(PluginsTest, AdoptedAreOnlyApprovalsWithoutCapabilities) {
  behind_its_back(is_postgres() ? "INSERT INTO allowed_plugins (tenant_id, plugin_id, created_at) VALUES ('" + acme + "', 'stripe', now())"
                                : "INSERT INTO allowed_plugins (tenant_id, plugin_id, created_at_ms) VALUES ('" + acme + "', 'stripe', 1)");
  value_of(approve(other, "", "", 2));
  EXPECT_THAT(approvals(), ElementsAre("stripe acme   0", "stripe other   2")) << "as before there were capabilities";
  EXPECT_EQ(value_of(adopt(acme, "{\"a\":1}")), 1);
  EXPECT_EQ(value_of(adopt("", "{\"b\":2}")), 1);
  EXPECT_EQ(value_of(adopt("", "{\"c\":3}")), 0);
  EXPECT_EQ(value_of(adopt("nobody", "{}")), 0);
  EXPECT_THAT(approvals(), ElementsAre("stripe acme {\"a\":1} upgrade 9", "stripe other {\"b\":2} upgrade 9"));
}

TEST_P(PluginsTest, OneApprovalMoreThanTheCountIsInvalidDataButReplacingIsNot) {
  behind_its_back("INSERT INTO allowed_plugins (plugin_id, tenant_id, " + std::string(is_postgres() ? "created_at" : "created_at_ms") +
                  ") WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < " +
                  std::to_string(k_plugin_approvals_count_max) + ") SELECT 'p' || n, '" + acme + "', " +
                  (is_postgres() ? "now()" : "1") + " FROM numbers");
  EXPECT_EQ(code_of(approve(acme, "{}", "root", 1)), Errc::invalid_data);
  value_of(approve(acme, "{}", "root", 1, "p1"));
  EXPECT_EQ(all().approvals.size(), k_plugin_approvals_count_max);
}

TEST_P(PluginsTest, AQuarantineIsReplacedAndReleased) {
  PluginQuarantine one{.plugin_id = "stripe", .version = "1.0.0", .reason = "it crashed", .signal = 11, .last_service = "http", .since_ms = 5};
  value_of(quarantine(one));
  value_of(quarantine({.plugin_id = "zoom", .version = "3", .reason = "memory", .signal = 0, .last_service = "", .since_ms = 6}));
  EXPECT_THAT(quarantines(), ElementsAre("stripe 1.0.0 it crashed signal:11 last:http 5", "zoom 3 memory signal:0 last: 6"));
  one = {.plugin_id = "stripe", .version = "1.1.0", .reason = "again", .signal = 6, .last_service = "records", .since_ms = 7};
  value_of(quarantine(one));
  EXPECT_THAT(quarantines(), ElementsAre("stripe 1.1.0 again signal:6 last:records 7", "zoom 3 memory signal:0 last: 6"));
  value_of(release("stripe"));
  EXPECT_EQ(code_of(release("stripe")), Errc::not_found);
  EXPECT_THAT(quarantines(), ElementsAre("zoom 3 memory signal:0 last: 6"));
}

TEST_P(PluginsTest, EverythingIsThereAfterARestart) {
  value_of(add("aa", 1, "1.0.0"));
  value_of(add("bb", 2, "1.1.0"));
  value_of(choose("aa", 3));
  value_of(choose("bb", 4));
  value_of(pin(acme, "1.0.0"));
  value_of(quarantine({.plugin_id = "stripe", .version = "1.1.0", .reason = "it's \"bad\"", .signal = 9, .last_service = "log", .since_ms = 5}));
  reopen();
  EXPECT_THAT(versions(), ElementsAre("stripe aa 1.0.0 1", "stripe bb 1.1.0 2"));
  EXPECT_THAT(choices(), ElementsAre("stripe bb before:aa 4"));
  EXPECT_THAT(pins(), ElementsAre("stripe acme 1.0.0"));
  EXPECT_THAT(quarantines(), ElementsAre("stripe 1.1.0 it's \"bad\" signal:9 last:log 5"));
}

}  // namespace
}  // namespace tomada::store::testing
