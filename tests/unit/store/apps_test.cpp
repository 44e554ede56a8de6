#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct AppsTest : StoreTest {
  std::optional<App> find(const std::string& tenant_id, const std::string& app_id) {
    return value_of(on_loop([&](Task& task) { return store().apps().find(task, tenant_id, app_id); }));
  }
  Result<void> try_update(const App& app) {
    return on_loop([&](Task& task) { return store().apps().update(task, app); });
  }
  Result<void> try_remove(const std::string& tenant_id, const std::string& app_id) {
    return on_loop([&](Task& task) { return store().apps().remove(task, tenant_id, app_id); });
  }
  std::vector<App> list(const std::string& tenant_id, std::string_view after_id = {}, std::size_t limit = 10) {
    return value_of(on_loop([&](Task& task) { return store().apps().list(task, tenant_id, after_id, limit); }));
  }
  std::vector<Integration> integrations(const std::string& app_id, std::string_view account_id) {
    return value_of(on_loop([&](Task& task) { return store().apps().integrations(task, app_id, account_id); }));
  }
  /// An integration of `tenant_id` with this account of the app.
  Result<void> try_connect(const std::string& tenant_id, const std::string& app_id, std::string account_id) {
    Integration made = integration;
    made.config_id = new_id();
    made.tenant_id = tenant_id;
    made.app_id = app_id;
    made.account_id = std::move(account_id);
    made.allow_legacy = true;
    return on_loop([&](Task& task) { return store().integrations().create(task, made); });
  }
};
TOMADA_STORE_SUITE(AppsTest);

TEST_P(AppsTest, KeepsEveryFieldAndItsIdIsTakenOnce) {
  App app = add_app(store(), tenant.tenant_id);
  app.is_enabled = false;
  app.allow_legacy = true;
  app.is_shared = true;
  app.app_name = "new";
  app.sealed_credentials = "x";
  app.updated_at_ms = k_now_ms + 1;
  value_of(try_update(app));
  const auto found = find(tenant.tenant_id, app.app_id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->app_name, "new");
  EXPECT_EQ(found->provider_name, "hubspot");
  EXPECT_EQ(found->sealed_credentials, "x");
  EXPECT_TRUE(found->is_shared);
  EXPECT_FALSE(found->is_enabled);
  EXPECT_TRUE(found->allow_legacy);
  EXPECT_EQ(found->created_at_ms, k_now_ms);
  EXPECT_EQ(found->updated_at_ms, k_now_ms + 1);
  EXPECT_EQ(found->version, 2);
  EXPECT_EQ(code_of(try_update(app)), Errc::conflict) << "it was read before the change";
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().apps().create(task, app); })), Errc::conflict);
}

TEST_P(AppsTest, AnotherTenantSeesOnlySharedOnesAndChangesNone) {
  const Tenant other = add_tenant(store(), "other");
  const App own = add_app(store(), tenant.tenant_id);
  App shared = add_app(store(), tenant.tenant_id, true);
  EXPECT_FALSE(find(other.tenant_id, own.app_id));
  EXPECT_TRUE(find(other.tenant_id, shared.app_id));
  ASSERT_EQ(list(other.tenant_id).size(), 1u);
  EXPECT_EQ(list(other.tenant_id)[0].app_id, shared.app_id);
  EXPECT_EQ(list(tenant.tenant_id).size(), 2u);
  EXPECT_EQ(list(tenant.tenant_id, own.app_id).size(), 1u);
  shared.tenant_id = other.tenant_id;
  EXPECT_EQ(code_of(try_update(shared)), Errc::not_found);
  EXPECT_EQ(code_of(try_remove(other.tenant_id, shared.app_id)), Errc::not_found);
  const auto any = value_of(on_loop([&](Task& task) { return store().apps().find_any(task, own.app_id); }));
  EXPECT_TRUE(any && any->tenant_id == tenant.tenant_id);
}

TEST_P(AppsTest, FindsTheIntegrationsOfAnAccountOfAnyTenant) {
  const Tenant other = add_tenant(store(), "other");
  const App app = add_app(store(), tenant.tenant_id, true);
  const App own = add_app(store(), tenant.tenant_id);
  value_of(try_connect(tenant.tenant_id, app.app_id, "portal-1"));
  value_of(try_connect(other.tenant_id, app.app_id, "portal-1"));
  value_of(try_connect(other.tenant_id, app.app_id, "portal-2"));
  EXPECT_EQ(code_of(try_connect(other.tenant_id, own.app_id, "portal-1")), Errc::not_found);
  ASSERT_EQ(integrations(app.app_id, "portal-1").size(), 2u);
  EXPECT_EQ(integrations(app.app_id, "portal-1")[0].account_id, "portal-1");
  EXPECT_TRUE(integrations(app.app_id, "portal-1")[0].allow_legacy);
  EXPECT_EQ(integrations(app.app_id, "portal-2").size(), 1u);
  EXPECT_TRUE(integrations(app.app_id, "portal-3").empty());
  EXPECT_TRUE(integrations("", "").empty());
}

TEST_P(AppsTest, IsNotRemovedWhileAnIntegrationNamesIt) {
  const App app = add_app(store(), tenant.tenant_id);
  Integration one = integration;
  one.app_id = app.app_id;
  one.account_id = "portal-1";
  value_of(on_loop([&](Task& task) { return store().integrations().update(task, one); }));
  EXPECT_EQ(code_of(try_remove(tenant.tenant_id, app.app_id)), Errc::conflict);
  const auto found = value_of(on_loop([&](Task& task) { return store().integrations().find_any(task, one.config_id); }));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->app_id, app.app_id);
  one = *found;
  one.app_id.clear();
  value_of(on_loop([&](Task& task) { return store().integrations().update(task, one); }));
  value_of(try_remove(tenant.tenant_id, app.app_id));
  EXPECT_FALSE(find(tenant.tenant_id, app.app_id));
}

}  // namespace
}  // namespace tomada::store::testing
