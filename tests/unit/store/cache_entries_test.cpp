#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct CacheEntriesTest : StoreTest {
  std::optional<CacheEntry> get(std::string_view key) { return get(integration, key); }
  std::optional<CacheEntry> get(const Integration& of, std::string_view key) {
    return value_of(on_loop([&](Task& task) { return store().cache_entries().get(task, of.tenant_id, of.config_id, key); }));
  }
  Result<void> put(std::string_view key, std::string value, std::int64_t expires_at_ms = k_now_ms) {
    return put(integration, key, std::move(value), expires_at_ms);
  }
  Result<void> put(const Integration& of, std::string_view key, std::string value, std::int64_t expires_at_ms = k_now_ms) {
    const CacheEntry entry{.value = std::move(value), .expires_at_ms = expires_at_ms};
    return on_loop([&](Task& task) {
      return store().cache_entries().put(task, of.tenant_id, of.config_id, key, entry);
    });
  }
  Result<void> remove(const Integration& of, std::string_view key) {
    return on_loop([&](Task& task) { return store().cache_entries().remove(task, of.tenant_id, of.config_id, key); });
  }
  std::size_t remove_expired(std::int64_t now_ms, std::size_t limit) {
    return value_of(on_loop([&](Task& task) { return store().cache_entries().remove_expired(task, now_ms, limit); }));
  }
};
TOMADA_STORE_SUITE(CacheEntriesTest);

TEST_P(CacheEntriesTest, KeepsEveryByteReplacesAndForgets) {
  const std::string bytes("\0\xff\x80", 3);
  EXPECT_FALSE(get("k"));
  value_of(put("k", "first", 5));
  value_of(put("k", bytes, 7));
  EXPECT_EQ(get("k"), (CacheEntry{.value = bytes, .expires_at_ms = 7})) << "it expired long ago and is still there";
  value_of(put("empty", ""));
  EXPECT_EQ(get("empty"), (CacheEntry{.value = "", .expires_at_ms = k_now_ms}));
  for (int i = 0; i < 2; ++i) value_of(remove(integration, "k"));
  EXPECT_FALSE(get("k"));
  EXPECT_TRUE(get("empty"));
}

TEST_P(CacheEntriesTest, BelongsToOneIntegrationOfOneTenant) {
  value_of(put("k", "v"));
  EXPECT_FALSE(get(add_integration(store(), tenant.tenant_id), "k"));
  Integration foreign = integration;
  foreign.tenant_id = add_tenant(store(), "other").tenant_id;
  EXPECT_FALSE(get(foreign, "k"));
  EXPECT_EQ(code_of(put(foreign, "k", "x")), Errc::not_found);
  EXPECT_EQ(code_of(remove(foreign, "k")), Errc::not_found);
  EXPECT_EQ(get("k")->value, "v");
  value_of(on_loop([&](Task& task) {
    return store().integrations().remove(task, tenant.tenant_id, integration.config_id);
  }));
  EXPECT_FALSE(get("k"));
  EXPECT_EQ(remove_expired(k_now_ms, 10), 0u) << "its entries went with it";
}

TEST_P(CacheEntriesTest, OverALimitIsInvalidData) {
  value_of(put(std::string(k_cache_key_bytes_max, 'k'), "v"));
  EXPECT_EQ(code_of(put(std::string(k_cache_key_bytes_max + 1, 'k'), "v")), Errc::invalid_data);
  value_of(put("big", std::string(k_cache_value_bytes_max, 'v')));
  EXPECT_EQ(code_of(put("big", std::string(k_cache_value_bytes_max + 1, 'v'))), Errc::invalid_data);
}

TEST_P(CacheEntriesTest, ExpiredOnesOfAllTenantsGoTheOldestFirst) {
  const Integration foreign = add_integration(store(), add_tenant(store(), "other").tenant_id);
  for (int i = 0; i < 4; ++i) {
    value_of(put(std::to_string(i), "v", k_now_ms + i));
    value_of(put(foreign, std::to_string(i), "v", k_now_ms + i));
  }
  EXPECT_EQ(remove_expired(k_now_ms - 1, 10), 0u);
  EXPECT_EQ(remove_expired(k_now_ms + 2, 4), 4u);
  EXPECT_FALSE(get("1"));
  EXPECT_FALSE(get(foreign, "1"));
  EXPECT_TRUE(get("2"));
  EXPECT_EQ(remove_expired(k_now_ms + 2, 4), 2u);
  EXPECT_TRUE(get("3"));
  EXPECT_TRUE(get(foreign, "3"));
}

// What is counted must be what is there, whatever came and went before.
TEST_P(CacheEntriesTest, AFullCacheLosesWhatExpiresFirstAndNeverTheNewest) {
  const std::string big(k_cache_value_bytes_max, 'v');
  constexpr int k_fitting_count = static_cast<int>(k_cache_bytes_max / k_cache_value_bytes_max) - 1;
  for (int i = 0; i < 3; ++i) value_of(put("replaced", big, 1));
  value_of(remove(integration, "replaced"));
  for (int i = 0; i < 3; ++i) value_of(put("expired " + std::to_string(i), big, 1));
  EXPECT_EQ(remove_expired(1, 10), 3u);
  for (int i = 0; i < k_fitting_count; ++i) value_of(put(std::to_string(i), big, k_now_ms - i));
  for (int i = 0; i < k_fitting_count; ++i) EXPECT_TRUE(get(std::to_string(i))) << i;
  value_of(put("newest", big, 1));
  EXPECT_TRUE(get("newest")) << "although it expires before all others";
  EXPECT_FALSE(get(std::to_string(k_fitting_count - 1)));
  EXPECT_TRUE(get(std::to_string(k_fitting_count - 3)));
  int left_count = 0;
  for (int i = 0; i < k_fitting_count; ++i) left_count += get(std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(left_count, k_fitting_count - 2) << "some room is made at once";
}

TEST_P(CacheEntriesTest, ManyAtOnceAreAllThere) {
  for (const auto& result : on_loop_at_once(100, [&](Task& task, std::size_t index) -> Result<void> {
         CacheEntries& entries = store().cache_entries();
         const std::string key = std::to_string(index % 50);
         TOMADA_TRY(entries.put(task, integration.tenant_id, integration.config_id, key, {.value = key, .expires_at_ms = 1}));
         return index % 10 == 0 ? entries.remove(task, integration.tenant_id, integration.config_id, "none") : Result<void>();
       }))
    value_of(result);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get(std::to_string(i))->value, std::to_string(i));
  EXPECT_EQ(remove_expired(1, 1'000), 50u);
}

}  // namespace
}  // namespace tomada::store::testing
