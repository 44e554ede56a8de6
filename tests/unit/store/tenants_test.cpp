#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct TenantsTest : StoreTest {};
TOMADA_STORE_SUITE(TenantsTest);

TEST_P(TenantsTest, FindsByNameAndListsByName) {
  add_tenant(store(), "zeta");
  add_tenant(store(), "beta");
  const auto found = value_of(on_loop([&](Task& task) { return store().tenants().find_by_name(task, "acme"); }));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tenant_id, tenant.tenant_id);
  EXPECT_EQ(found->created_at_ms, k_now_ms);
  EXPECT_FALSE(value_of(on_loop([&](Task& task) { return store().tenants().find_by_name(task, "nobody"); })));
  const auto all = value_of(on_loop([&](Task& task) { return store().tenants().list(task); }));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].name, "acme");
  EXPECT_EQ(all[1].name, "beta");
  EXPECT_EQ(all[2].name, "zeta");
}

TEST_P(TenantsTest, ATakenNameIsAConflict) {
  const Tenant second{.tenant_id = new_id(), .name = "acme", .created_at_ms = k_now_ms};
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().tenants().create(task, second); })), Errc::conflict);
}

TEST_P(TenantsTest, AKeyIsFoundByItsHashWithItsTenant) {
  const ApiKey key{.key_id = new_id(), .tenant_id = tenant.tenant_id, .tenant_name = {}, .role = "operator",
                   .key_sha256 = "ab12", .created_at_ms = k_now_ms};
  value_of(on_loop([&](Task& task) { return store().tenants().add_key(task, key); }));
  const auto found = value_of(on_loop([&](Task& task) { return store().tenants().find_key(task, "ab12"); }));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key_id, key.key_id);
  EXPECT_EQ(found->tenant_name, "acme");
  EXPECT_EQ(found->role, "operator");
  EXPECT_FALSE(value_of(on_loop([&](Task& task) { return store().tenants().find_key(task, "ab13"); })));
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().tenants().add_key(task, key); })), Errc::conflict);
  ApiKey stray = key;
  stray.key_id = stray.key_sha256 = stray.tenant_id = new_id();
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().tenants().add_key(task, stray); })), Errc::not_found);
}

TEST_P(TenantsTest, APluginIsAllowedForOneTenantOnlyAndTwiceIsOnce) {
  const Tenant other = add_tenant(store(), "other");
  std::int64_t now_ms = k_now_ms;
  auto allow = [&](std::string_view plugin) {
    value_of(on_loop([&](Task& task) {
      return store().plugins().approve(task, {.plugin_id = std::string(plugin), .tenant_id = tenant.tenant_id, .capabilities = "{}",
                                              .approved_by = "root", .approved_at_ms = ++now_ms});
    }));
  };
  auto allowed = [&](const Tenant& whom, std::string_view plugin) {
    return value_of(on_loop([&](Task& task) {
      return store().tenants().is_plugin_allowed(task, whom.tenant_id, plugin);
    }));
  };
  allow("aws-s3");
  allow("aws-s3");
  allow("acme-crm");
  EXPECT_TRUE(allowed(tenant, "aws-s3"));
  EXPECT_FALSE(allowed(other, "aws-s3"));
  EXPECT_FALSE(allowed(tenant, "stripe"));
  const auto plugins =
      value_of(on_loop([&](Task& task) { return store().tenants().allowed_plugins(task, tenant.tenant_id); }));
  ASSERT_EQ(plugins.size(), 2u);
  EXPECT_EQ(plugins[0].plugin_id, "acme-crm");
  EXPECT_EQ(plugins[1].plugin_id, "aws-s3");
  EXPECT_EQ(plugins[1].created_at_ms, k_now_ms + 1);
  EXPECT_EQ(plugins[1].approved_at_ms, k_now_ms + 2);
  EXPECT_EQ(plugins[1].approved_by, "root");
}

TEST_P(TenantsTest, AWrappedKeyIsWrittenOnceAndKeepsEveryByte) {
  const std::string wrapped("\0\xff\x80 key\0", 8);
  auto put = [&] {
    return on_loop([&](Task& task) { return store().tenants().put_wrapped_key(task, tenant.tenant_id, wrapped); });
  };
  auto get = [&] {
    return value_of(on_loop([&](Task& task) { return store().tenants().wrapped_key(task, tenant.tenant_id); }));
  };
  EXPECT_FALSE(get());
  EXPECT_TRUE(put().has_value());
  EXPECT_EQ(get(), wrapped);
  EXPECT_EQ(code_of(put()), Errc::conflict);
}

}  // namespace
}  // namespace tomada::store::testing
