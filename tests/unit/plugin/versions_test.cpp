// Versions of one plugin: which is newer, what a host remembers of them, what two hosts on one store agree on.
#include "host/plugin/version_order.hpp"
#include "tests/unit/plugin/versions_fixture.hpp"

#include <iterator>

namespace tomada::plugin {
namespace {

TEST(VersionOrder, IsThatOfSemanticVersioning) {
  // The example of semver.org, section 11, and numbers beyond every integer.
  const char* const ordered[] = {"0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
                                 "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0",
                                 "1.99999999999999999999.0", "1.100000000000000000000.0", "2.0.0"};
  for (std::size_t left = 0; left < std::size(ordered); ++left)
    for (std::size_t right = 0; right < std::size(ordered); ++right) {
      const int order = compare_versions(ordered[left], ordered[right]);
      EXPECT_EQ(order, left < right ? -1 : left > right ? 1 : 0) << ordered[left] << " and " << ordered[right];
    }
  EXPECT_EQ(compare_versions("1.0.0+a", "1.0.0+b"), 0);
}

TEST_F(VersionsTest, OfSeveralFilesTheNewestIsCurrent) {
  put("1.2.0", "one", "a.so");
  put("1.9.0", "one", "b.so");
  put("1.3.0", "one", "c.so");
  const auto registry = open();
  EXPECT_EQ(current(*registry), "1.9.0");
  EXPECT_EQ(registry->snapshot()->find("good")->names(), "1.2.0, 1.3.0, 1.9.0");
}

TEST_F(VersionsTest, WhatComesLastIsCurrentAndTheWayBackIsRemembered) {
  put("1.1.0");
  auto registry = open();
  put("1.2.0");
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.2.0");
  put("1.0.0");  // lower: a roll-back by file
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.0.0");
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return registry->rollback(task, "good"); }))->version, "1.2.0");
  EXPECT_EQ(probed, (std::vector<std::string>{"1.1.0", "1.2.0", "1.0.0"})) << "each once";
  registry.reset();
  registry = open();
  EXPECT_EQ(current(*registry), "1.2.0") << "although its file is gone";
  EXPECT_EQ(probed.size(), 3u);
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return registry->rollback(task, "good"); }))->version, "1.0.0");
}

TEST_F(VersionsTest, AVersionThatDoesNotStartChangesNothing) {
  put("1.1.0");
  const auto registry = open();
  fails_probe = "1.2.0";
  put("1.2.0");
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.1.0");
  EXPECT_EQ(rule(*registry), "P21");
  EXPECT_NE(registry->entries()->at(0).refusals[0].reason.find("SIGSEGV"), std::string::npos);
  put("1.3.0");
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.3.0");
  EXPECT_EQ(rule(*registry), "");
}

TEST_F(VersionsTest, TheSameVersionWithAnotherContentIsRefusedWhileTheFirstIsThere) {
  put("1.1.0", "one", "b.so");
  const auto registry = open();
  const std::string sha256 = registry->find("good")->sha256;
  put("1.1.0", "one", "a.so", "Twin plugin");
  refresh(*registry);
  EXPECT_EQ(rule(*registry, 0), "P15") << "the one that was there first stays, whatever its name";
  EXPECT_EQ(rule(*registry, 1), "");
  EXPECT_EQ(registry->find("good")->sha256, sha256);
}

TEST_F(VersionsTest, AQuarantineIsOfItsVersionAndANewOneEndsIt) {
  put("1.1.0");
  auto registry = open();
  put("1.2.0");
  refresh(*registry);
  value_of(on_loop([&](Task& task) {
    return registry->quarantine(task, {.plugin_id = "good", .version = "1.2.0", .reason = "crashes", .since_ms = 1});
  }));
  const auto chosen = registry->choose("good", tenant.tenant_id);
  ASSERT_EQ(code_of(chosen), Errc::unavailable);
  EXPECT_NE(chosen.error().message.find("crashes; release it with: tomada plugin release good"), std::string::npos);
  EXPECT_EQ(registry->may_run(*registry->find("good"), tenant.tenant_id).error().code, Errc::unavailable);
  value_of(on_loop([&](Task& task) { return registry->pin(task, {.plugin_id = "good", .tenant_id = tenant.tenant_id, .version = "1.1.0"}); }));
  EXPECT_EQ(value_of(registry->choose("good", tenant.tenant_id))->version, "1.1.0");
  registry = open();
  EXPECT_EQ(code_of(registry->choose("good", another.tenant_id)), Errc::unavailable) << "also after a restart";
  put("1.3.0");
  refresh(*registry);
  EXPECT_EQ(value_of(registry->choose("good", another.tenant_id))->version, "1.3.0");
  EXPECT_EQ(released, std::vector<std::string>{"good"});
}

TEST_F(VersionsTest, TwoHostsOnOneStoreAgree) {
  for (const char* const host : {"one", "two"}) put("1.1.0", host);
  const auto one = open("one");
  const auto two = open("two");
  for (const char* const host : {"one", "two"}) put("1.2.0", host);
  refresh(*one);
  refresh(*two);
  value_of(on_loop([&](Task& task) { return one->rollback(task, "good"); }));
  EXPECT_EQ(current(*two), "1.2.0");
  value_of(on_loop([&](Task& task) { return two->catch_up(task); }));
  EXPECT_EQ(current(*two), "1.1.0");
  value_of(on_loop([&](Task& task) { return one->quarantine(task, {.plugin_id = "good", .version = "1.1.0", .reason = "crashes"}); }));
  value_of(on_loop([&](Task& task) { return two->catch_up(task); }));
  EXPECT_EQ(code_of(two->choose("good", tenant.tenant_id)), Errc::unavailable);
  value_of(on_loop([&](Task& task) { return two->release(task, "good"); }));
  value_of(on_loop([&](Task& task) { return one->catch_up(task); }));
  EXPECT_TRUE(one->choose("good", tenant.tenant_id).has_value());
  EXPECT_EQ(released, (std::vector<std::string>{"good", "good"})) << "each host forgets its crashes";
}

}  // namespace
}  // namespace tomada::plugin
