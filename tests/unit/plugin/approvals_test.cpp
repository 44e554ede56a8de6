// Which version a tenant's calls use while another one waits for approval.
#include "tests/unit/plugin/versions_fixture.hpp"

#include <gmock/gmock.h>

namespace tomada::plugin {
namespace {

using testing::HasSubstr;

struct ApprovalsTest : VersionsTest {
  void put_asking(const std::string& version, const std::string& hosts) {
    put(version, "one", "good.so", "Test plugin", "\"hosts\": [" + hosts + "]");
  }
  static Result<Capabilities> allow(Registry& registry, const store::Tenant& whom, std::vector<std::string> hosts, std::string version = {}) {
    return on_loop([&](Task& task) {
      return registry.allow(task, {.plugin_id = "good", .tenant_id = whom.tenant_id, .version = version,
                                   .seen = {.hosts = hosts, .secrets = false, .storage = false}, .approved_by = "ann"});
    });
  }
  static Result<void> pin(Registry& registry, const store::Tenant& whom, const std::string& version) {
    return on_loop([&](Task& task) {
      return registry.pin(task, {.plugin_id = "good", .tenant_id = whom.tenant_id, .version = version});
    });
  }
  static std::string used(const Registry& registry, const store::Tenant& whom) {
    const auto release = value_of(registry.choose("good", whom.tenant_id));
    if (!release) return "none";
    EXPECT_EQ(registry.find("good", whom.tenant_id), release) << "find() agrees";
    EXPECT_TRUE(registry.may_run(*release, whom.tenant_id).has_value());
    return release->version;
  }
  std::size_t waiting_count(const Registry& registry) {
    const std::size_t count = registry.snapshot()->find("good")->waiting_count();
    EXPECT_THAT(metrics.text(), HasSubstr("plugin_approvals_waiting{plugin=\"good\"} " + std::to_string(count)));
    return count;
  }
  store::PluginApproval written(const store::Tenant& whom) {
    for (const auto& one : value_of(on_loop([&](Task& task) { return store->plugins().all(task); })).approvals)
      if (one.tenant_id == whom.tenant_id) return one;
    return {};
  }
};

TEST_F(ApprovalsTest, AnUpgradeThatAsksForMoreWaitsForEachTenant) {
  put_asking("1.0.0", "\"a.test\"");
  auto registry = open();
  value_of(allow(*registry, tenant, {"a.test"}));
  value_of(allow(*registry, another, {"a.test", "*.b.test"}));
  EXPECT_EQ(waiting_count(*registry), 0u);
  put_asking("1.1.0", "\"a.test\", \"x.b.test\"");
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.1.0");
  EXPECT_EQ(used(*registry, tenant), "1.0.0");
  EXPECT_EQ(used(*registry, another), "1.1.0");
  EXPECT_EQ(waiting_count(*registry), 1u);
  EXPECT_EQ(registry->snapshot()->find("good")->missing(*registry->find("good"), tenant.tenant_id)->hosts, std::vector<std::string>{"x.b.test"});
  const auto held = registry->may_run(*registry->find("good"), tenant.tenant_id);
  ASSERT_EQ(code_of(held), Errc::unavailable) << "also for a call that chose it earlier";

  registry = open();
  EXPECT_EQ(used(*registry, tenant), "1.0.0") << "after a restart";
  EXPECT_EQ(used(*registry, another), "1.1.0");
  value_of(allow(*registry, tenant, {"a.test", "x.b.test"}));
  EXPECT_EQ(used(*registry, tenant), "1.1.0");
  EXPECT_EQ(waiting_count(*registry), 0u);
  EXPECT_EQ(written(tenant).approved_by, "ann");
  value_of(on_loop([&](Task& task) { return registry->rollback(task, "good"); }));
  EXPECT_EQ(used(*registry, tenant), "1.0.0");
}

TEST_F(ApprovalsTest, OfEarlierVersionsTheNewestThatIsApprovedIsUsed) {
  put_asking("1.0.0", "");
  const auto registry = open();
  put_asking("1.1.0", "");
  refresh(*registry);
  put_asking("1.2.0", "\"a.test\"");
  refresh(*registry);
  put_asking("1.3.0", "\"b.test\"");
  refresh(*registry);
  EXPECT_EQ(used(*registry, tenant), "1.1.0") << "not the one before, which waits as well";
  value_of(allow(*registry, tenant, {"a.test"}, "1.2.0"));
  EXPECT_EQ(used(*registry, tenant), "1.2.0");
}

TEST_F(ApprovalsTest, WithNoVersionThatIsApprovedNoCallRuns) {
  put_asking("1.0.0", "\"a.test\"");
  const auto registry = open();
  const auto chosen = registry->choose("good", tenant.tenant_id);
  ASSERT_EQ(code_of(chosen), Errc::unavailable);
  EXPECT_EQ(chosen.error().message, "version 1.0.0 of plugin good asks for more than was approved for this tenant: requests to a.test; "
                                    "the operator approves it with: tomada plugin allow good --tenant NAME");
  EXPECT_EQ(waiting_count(*registry), 2u);
  EXPECT_EQ(registry->find("good", tenant.tenant_id), registry->find("good")) << "its manifest can be looked at";
}

TEST_F(ApprovalsTest, ARollBackNeverGivesANewerVersion) {
  put_asking("1.0.0", "\"a.test\"");
  const auto registry = open();
  put_asking("1.1.0", "");
  refresh(*registry);
  EXPECT_EQ(used(*registry, tenant), "1.1.0");
  value_of(on_loop([&](Task& task) { return registry->rollback(task, "good"); }));
  EXPECT_EQ(code_of(registry->choose("good", tenant.tenant_id)), Errc::unavailable);
}

TEST_F(ApprovalsTest, ATenantThatIsNotAllowedRunsNothing) {
  put("1.0.0");
  const auto registry = open();
  const auto stranger = store::testing::add_tenant(*store, "stranger");
  const auto chosen = registry->choose("good", stranger.tenant_id);
  ASSERT_EQ(code_of(chosen), Errc::unavailable);
  EXPECT_THAT(chosen.error().message, HasSubstr("not allowed for this tenant; the operator allows it with: tomada plugin allow good"));
  EXPECT_EQ(code_of(registry->may_run(*registry->find("good"), stranger.tenant_id)), Errc::unavailable);
  EXPECT_NE(registry->find("good", stranger.tenant_id), nullptr) << "so that it can be asked for";
}

TEST_F(ApprovalsTest, WhatWasSeenIsApprovedAndNothingElse) {
  put_asking("1.0.0", "\"a.test\", \"b.test\"");
  const auto registry = open();
  const auto late = allow(*registry, tenant, {"a.test"});
  ASSERT_EQ(code_of(late), Errc::conflict);
  EXPECT_THAT(late.error().message, HasSubstr("version 1.0.0 of plugin good asks for more: requests to b.test"));
  EXPECT_EQ(code_of(registry->choose("good", tenant.tenant_id)), Errc::unavailable);
  EXPECT_EQ(code_of(allow(*registry, tenant, {}, "9.0.0")), Errc::not_found);
  store::Tenant nobody;
  nobody.tenant_id = "nobody";
  EXPECT_EQ(code_of(allow(*registry, nobody, {"a.test", "b.test"})), Errc::not_found);
}

TEST_F(ApprovalsTest, WhatWasApprovedStaysSoForARollBack) {
  put_asking("1.0.0", "\"a.test\"");
  const auto registry = open();
  value_of(allow(*registry, tenant, {"a.test"}));
  put_asking("1.1.0", "\"b.test\"");
  refresh(*registry);
  EXPECT_EQ(value_of(allow(*registry, tenant, {"b.test"})).hosts, (std::vector<std::string>{"a.test", "b.test"}));
  EXPECT_EQ(used(*registry, tenant), "1.1.0");
  value_of(on_loop([&](Task& task) { return registry->rollback(task, "good"); }));
  EXPECT_EQ(used(*registry, tenant), "1.0.0");
}

TEST_F(ApprovalsTest, APinToAVersionThatAsksForMoreIsRefusedUntilItIsApproved) {
  put_asking("1.0.0", "\"a.test\"");
  const auto registry = open();
  put_asking("1.1.0", "");
  refresh(*registry);
  const auto refused = pin(*registry, tenant, "1.0.0");
  ASSERT_EQ(code_of(refused), Errc::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("requests to a.test; approve that first with: tomada plugin allow good@1.0.0 --tenant NAME"));
  EXPECT_EQ(used(*registry, tenant), "1.1.0");
  value_of(allow(*registry, tenant, {"a.test"}, "1.0.0"));
  value_of(pin(*registry, tenant, "1.0.0"));
  EXPECT_EQ(used(*registry, tenant), "1.0.0");
  approve(tenant, to_json({}));  // as another host may
  value_of(on_loop([&](Task& task) { return registry->catch_up(task); }));
  EXPECT_EQ(code_of(registry->choose("good", tenant.tenant_id)), Errc::unavailable) << "a pin is no approval, and no other version";
  EXPECT_EQ(waiting_count(*registry), 1u);
}

TEST_F(ApprovalsTest, ApprovalsFromBeforeAreForWhatCallsUsed) {
  put_asking("1.0.0", "\"a.test\"");
  auto registry = open();
  put_asking("1.1.0", "\"b.test\"");
  refresh(*registry);
  value_of(allow(*registry, another, {"a.test"}, "1.0.0"));
  value_of(pin(*registry, another, "1.0.0"));
  for (const auto& one : {tenant, another}) approve(one, "");  // as by an earlier host
  put_asking("1.2.0", "\"c.test\"");                           // comes with the upgrade
  registry = open();
  EXPECT_EQ(current(*registry), "1.2.0");
  EXPECT_EQ(used(*registry, tenant), "1.1.0") << "its calls go on";
  EXPECT_EQ(used(*registry, another), "1.0.0");
  EXPECT_EQ(written(tenant).approved_by, "upgrade");
  EXPECT_EQ(written(tenant).capabilities, to_json({.hosts = {"b.test"}, .secrets = false, .storage = false}));
  EXPECT_EQ(written(another).capabilities, to_json({.hosts = {"a.test"}, .secrets = false, .storage = false}));
  registry = open();
  EXPECT_EQ(used(*registry, tenant), "1.1.0") << "once, not at each start";
}

TEST_F(ApprovalsTest, AnotherHostsApprovalCountsAndABadTextApprovesNothing) {
  put_asking("1.0.0", "\"a.test\"");
  const auto registry = open();
  approve(tenant, to_json({.hosts = {"a.test"}, .secrets = false, .storage = false}));
  approve(another, "{\"hosts\":[\"a.test\"]}");
  value_of(on_loop([&](Task& task) { return registry->catch_up(task); }));
  EXPECT_EQ(used(*registry, tenant), "1.0.0");
  EXPECT_EQ(code_of(registry->choose("good", another.tenant_id)), Errc::unavailable);
}

}  // namespace
}  // namespace tomada::plugin
