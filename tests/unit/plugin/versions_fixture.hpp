// A directory, a store and a registry, to which a test brings versions of one plugin.
#pragma once

#include "host/plugin/registry.hpp"
#include "host/store/sqlite/open.hpp"
#include "tests/support/abi_test_plugins.hpp"
#include "tests/support/store_fixture.hpp"

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tomada::plugin {

namespace fs = std::filesystem;
using runtime::Task;
using store::testing::code_of;
using store::testing::on_loop;
using store::testing::value_of;

struct VersionsTest : testing::Test {
  runtime::Metrics metrics;
  store::testing::TempFolder folder;
  std::unique_ptr<store::Store> store;
  store::Tenant tenant, another;  // both are allowed the plugin, and nothing more
  std::vector<std::string> probed, released;
  std::string fails_probe;  // a version

  VersionsTest() {
    store = value_of(store::sqlite::open({.file = folder.path() / "tomada.db"}));
    tenant = store::testing::add_tenant(*store, "acme");
    another = store::testing::add_tenant(*store, "another");
    for (const store::Tenant& one : {tenant, another}) approve(one, to_json({}));
    for (const char* const host : {"one", "two"}) fs::create_directory(folder.path() / host);
  }

  void approve(const store::Tenant& whom, const std::string& text) {
    value_of(on_loop([&](Task& task) {
      return store->plugins().approve(task, {.plugin_id = "good", .tenant_id = whom.tenant_id, .capabilities = text,
                                             .approved_by = "root", .approved_at_ms = 1});
    }));
  }

  /// The test plugin as that version, of the same length as "1.0.0". `asks`: of its manifest, such as "hosts": ["a.test"].
  void put(const std::string& version, const std::string& host = "one", const std::string& name = "good.so",
           const std::string& title = "Test plugin", const std::string& asks = {}) {
    // Its place is that of the configuration's properties.
    const std::string properties = R"(, "properties": {"hook": {"type": "integer"}, "note": {"type": "string"}}})";
    std::string in_place = asks.empty() ? properties : "}, " + asks;
    ASSERT_LE(in_place.size(), properties.size());
    in_place.resize(properties.size(), ' ');
    std::ifstream in(abi::test_plugin("good"), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"\"version\": \"1.0.0\"", "\"version\": \"" + version + "\""},
                                   {"Test plugin", title},
                                   {properties, in_place}}) {
      const std::size_t at = bytes.find(from);
      ASSERT_NE(at, std::string::npos);
      bytes.replace(at, from.size(), to);
    }
    const fs::path file = folder.path() / host / name;
    std::ofstream(file.string() + ".tmp", std::ios::binary) << bytes;
    fs::permissions(file.string() + ".tmp", fs::perms(0644));
    fs::rename(file.string() + ".tmp", file);
  }

  std::unique_ptr<Registry> open(const std::string& host = "one", const TrustOptions& trust = {}) {
    auto registry = value_of(Registry::scan(folder.path() / host, folder.path() / (host + "-copies"), {}, trust));
    value_of(on_loop([&](Task& task) {
      return registry->remember(task, {.plugins = store->plugins(),
                                       .metrics = metrics,
                                       .probe = [this](Task&, const Release& release) -> Result<void> {
                                         probed.push_back(release.version);
                                         if (release.version == fails_probe) return fail(Errc::unavailable, "SIGSEGV");
                                         return {};
                                       },
                                       .released = [this](const std::string& id) { released.push_back(id); }});
    }));
    return registry;
  }
  static void refresh(Registry& registry) {
    value_of(on_loop([&](Task& task) { return registry.refresh(task, {.names = {}, .touched = {}, .all = true}); }));
  }
  static std::string current(const Registry& registry) { return registry.find("good")->version; }
  static std::string rule(const Registry& registry, std::size_t file = 0) {
    const auto& refusals = registry.entries()->at(file).refusals;
    return refusals.empty() ? "" : refusals.front().rule;
  }
};

}  // namespace tomada::plugin
