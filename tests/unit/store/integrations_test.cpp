#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct IntegrationsTest : StoreTest {
  std::optional<Integration> find(std::string_view tenant_id, std::string_view config_id) {
    return value_of(
        on_loop([&](Task& task) { return store().integrations().find(task, tenant_id, config_id); }));
  }
  std::optional<Integration> find() { return find(tenant.tenant_id, integration.config_id); }
};
TOMADA_STORE_SUITE(IntegrationsTest);

TEST_P(IntegrationsTest, KeepsEveryField) {
  Integration made = integration;
  made.config_id = new_id();
  made.integration_name = "Bücher";
  made.config_json = R"({"bucket":"b"})";
  made.sealed_credentials = std::string("\0\x01\xff", 3);
  made.is_enabled = false;
  made.health_status = "degraded";
  made.connection_status = "connected";
  made.last_sync_at_ms = 5;
  made.updated_at_ms = 7;
  value_of(on_loop([&](Task& task) { return store().integrations().create(task, made); }));
  const auto found = find(tenant.tenant_id, made.config_id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->integration_name, made.integration_name);
  EXPECT_EQ(found->provider_name, made.provider_name);
  EXPECT_EQ(found->config_json, made.config_json);
  EXPECT_EQ(found->sealed_credentials, made.sealed_credentials);
  EXPECT_FALSE(found->is_enabled);
  EXPECT_EQ(found->health_status, "degraded");
  EXPECT_EQ(found->connection_status, "connected");
  EXPECT_EQ(found->last_sync_at_ms, 5);
  EXPECT_EQ(found->created_at_ms, k_now_ms);
  EXPECT_EQ(found->updated_at_ms, 7);
  EXPECT_EQ(found->version, 1);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().integrations().create(task, made); })), Errc::conflict);
}

TEST_P(IntegrationsTest, KeepsItsLimitsAndThatSomeAreAbsent) {
  EXPECT_EQ(find()->limits, CallLimits{}) << "nothing was said";
  Integration changed = integration;
  changed.limits = {.rate_limit_per_minute = 5'000'000'000, .rate_limit_per_hour = 2, .timeout_seconds = 3, .retry_attempts = 0,
                    .retry_backoff_ms = 5, .circuit_breaker_threshold = 6, .circuit_breaker_timeout_ms = 7,
                    .circuit_breaker_enabled = false};
  Integration made = changed;
  made.config_id = new_id();
  value_of(on_loop([&](Task& task) { return store().integrations().create(task, made); }));
  EXPECT_EQ(find(tenant.tenant_id, made.config_id)->limits, made.limits);
  value_of(on_loop([&](Task& task) { return store().integrations().update(task, changed); }));
  EXPECT_EQ(find()->limits, changed.limits);
  changed.version = 2;
  changed.limits = {};
  changed.limits.circuit_breaker_enabled = true;
  value_of(on_loop([&](Task& task) { return store().integrations().update(task, changed); }));
  EXPECT_EQ(find()->limits, changed.limits);
}

TEST_P(IntegrationsTest, AnotherTenantSeesAndChangesNothing) {
  const Tenant other = add_tenant(store(), "other");
  EXPECT_FALSE(find(other.tenant_id, integration.config_id));
  Integration foreign = integration;
  foreign.tenant_id = other.tenant_id;
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().integrations().update(task, foreign); })),
            Errc::not_found);
  EXPECT_EQ(code_of(on_loop([&](Task& task) {
              return store().integrations().remove(task, other.tenant_id, integration.config_id);
            })),
            Errc::not_found);
  EXPECT_EQ(code_of(on_loop([&](Task& task) {
              return store().integrations().set_health(task, other.tenant_id, integration.config_id, "healthy", "x");
            })),
            Errc::not_found);
  EXPECT_EQ(find()->health_status, "unknown");
}

TEST_P(IntegrationsTest, AnIntegrationOfNoTenantIsRefused) {
  Integration stray = integration;
  stray.config_id = stray.tenant_id = new_id();
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().integrations().create(task, stray); })),
            Errc::not_found);
}

TEST_P(IntegrationsTest, ListsByCreationInPages) {
  std::vector<std::string> ids{integration.config_id};
  for (int i = 0; i < 4; ++i) ids.push_back(add_integration(store(), tenant.tenant_id).config_id);
  add_integration(store(), add_tenant(store(), "other").tenant_id);
  std::vector<std::string> listed;
  std::string after;
  while (true) {
    const auto page = value_of(on_loop([&](Task& task) {
      return store().integrations().list(task, tenant.tenant_id, after, 2);
    }));
    if (page.empty()) break;
    for (const Integration& one : page) listed.push_back(one.config_id);
    after = listed.back();
  }
  EXPECT_EQ(listed, ids);
}

TEST_P(IntegrationsTest, FindsByProvider) {
  add_integration(store(), tenant.tenant_id, "stripe");
  auto by_provider = [&](std::string_view provider) {
    return value_of(on_loop([&](Task& task) {
      return store().integrations().find_by_provider(task, tenant.tenant_id, provider);
    }));
  };
  EXPECT_EQ(by_provider("stripe").size(), 1u);
  EXPECT_EQ(by_provider("aws-s3").at(0).config_id, integration.config_id);
  EXPECT_TRUE(by_provider("hubspot").empty());
}

TEST_P(IntegrationsTest, AnUpdateCountsTheVersionAndAStaleOneIsAConflict) {
  Integration changed = integration;
  changed.config_json = R"({"a":1})";
  changed.is_enabled = false;
  auto update = [&] { return on_loop([&](Task& task) { return store().integrations().update(task, changed); }); };
  EXPECT_TRUE(update().has_value());
  EXPECT_EQ(find()->version, 2);
  EXPECT_EQ(find()->config_json, R"({"a":1})");
  EXPECT_FALSE(find()->is_enabled);
  EXPECT_EQ(code_of(update()), Errc::conflict);
}

TEST_P(IntegrationsTest, HealthLeavesTheVersionAlone) {
  value_of(on_loop([&](Task& task) {
    return store().integrations().set_health(task, tenant.tenant_id, integration.config_id, "healthy", "connected");
  }));
  EXPECT_EQ(find()->health_status, "healthy");
  EXPECT_EQ(find()->connection_status, "connected");
  EXPECT_EQ(find()->version, 1);
}

TEST_P(IntegrationsTest, HealthByProviderIsTheWorstOfTheEnabledOnes) {
  auto add = [&](std::string provider, std::string health, bool enabled) {
    Integration one = integration;
    one.config_id = new_id();
    one.provider_name = std::move(provider);
    one.health_status = std::move(health);
    one.is_enabled = enabled;
    value_of(on_loop([&](Task& task) { return store().integrations().create(task, one); }));
  };
  add("stripe", "healthy", true);
  add("stripe", "degraded", true);
  add("stripe", "unhealthy", false);
  add("hubspot", "healthy", true);
  const auto health = value_of(on_loop([&](Task& task) { return store().integrations().health_by_provider(task); }));
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(health, (Pairs{{"aws-s3", "unknown"}, {"hubspot", "healthy"}, {"stripe", "degraded"}}));
}

TEST_P(IntegrationsTest, RemovingOneRemovesAllOfItAndNothingElse) {
  const Integration other = add_integration(store(), tenant.tenant_id);
  for (const Integration& one : {integration, other}) {
    const Sync sync = add_sync(store(), one);
    Page page = page_of(one, {upsert("a", "{}"), upsert("b", "{}")});
    page.sync_id = sync.sync_id;
    page.complete_since = "s";
    commit(store(), page);
    value_of(on_loop([&](Task& task) {
      return store().values().put(task, one.tenant_id, one.config_id, "k", "v");
    }));
  }
  value_of(on_loop([&](Task& task) {
    return store().integrations().remove(task, tenant.tenant_id, integration.config_id);
  }));
  EXPECT_FALSE(find());
  EXPECT_TRUE(changes(store(), integration).empty());
  EXPECT_EQ(count(store(), integration), 0);
  EXPECT_EQ(changes(store(), other).size(), 2u);
  EXPECT_EQ(count(store(), other), 2);
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return store().jobs().counts(task); })).waiting, 1);
  auto syncs_of = [&](const Integration& one) {
    return value_of(on_loop([&](Task& task) {
      return store().syncs().list(task, tenant.tenant_id, one.config_id, {}, {}, 10);
    }));
  };
  EXPECT_TRUE(syncs_of(integration).empty());
  EXPECT_EQ(syncs_of(other).size(), 1u);
}

}  // namespace
}  // namespace tomada::store::testing
