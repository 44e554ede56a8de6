#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct ValuesTest : StoreTest {
  std::optional<std::string> get(std::string_view key) { return get(integration, key); }
  std::optional<std::string> get(const Integration& one, std::string_view key) {
    return value_of(on_loop([&](Task& task) { return store().values().get(task, one.tenant_id, one.config_id, key); }));
  }
  Result<void> put(std::string_view key, std::string_view value) {
    return on_loop([&](Task& task) {
      return store().values().put(task, integration.tenant_id, integration.config_id, key, value);
    });
  }
};
TOMADA_STORE_SUITE(ValuesTest);

TEST_P(ValuesTest, KeepsEveryByteReplacesAndForgets) {
  const std::string bytes("\0\xff\x80", 3);
  EXPECT_FALSE(get("k"));
  EXPECT_TRUE(put("k", "first").has_value());
  EXPECT_TRUE(put("k", bytes).has_value());
  EXPECT_EQ(get("k"), bytes);
  EXPECT_TRUE(put("empty", "").has_value());
  EXPECT_EQ(get("empty"), "");
  for (int i = 0; i < 2; ++i)
    value_of(on_loop([&](Task& task) {
      return store().values().remove(task, integration.tenant_id, integration.config_id, "k");
    }));
  EXPECT_FALSE(get("k"));
}

TEST_P(ValuesTest, BelongsToOneIntegrationOfOneTenant) {
  EXPECT_TRUE(put("k", "v").has_value());
  EXPECT_FALSE(get(add_integration(store(), tenant.tenant_id), "k"));
  Integration foreign = integration;
  foreign.tenant_id = add_tenant(store(), "other").tenant_id;
  EXPECT_FALSE(get(foreign, "k"));
  EXPECT_EQ(code_of(on_loop([&](Task& task) {
              return store().values().put(task, foreign.tenant_id, foreign.config_id, "k", "x");
            })),
            Errc::not_found);
  EXPECT_EQ(code_of(on_loop([&](Task& task) {
              return store().values().remove(task, foreign.tenant_id, foreign.config_id, "k");
            })),
            Errc::not_found);
  EXPECT_EQ(get("k"), "v");
}

TEST_P(ValuesTest, OverALimitIsInvalidData) {
  EXPECT_TRUE(put(std::string(k_value_key_bytes_max, 'k'), "v").has_value());
  EXPECT_EQ(code_of(put(std::string(k_value_key_bytes_max + 1, 'k'), "v")), Errc::invalid_data);
  EXPECT_TRUE(put("big", std::string(k_value_bytes_max, 'v')).has_value());
  EXPECT_EQ(code_of(put("big", std::string(k_value_bytes_max + 1, 'v'))), Errc::invalid_data);
}

TEST_P(ValuesTest, OneMoreThanTheCountIsInvalidDataButReplacingIsNot) {
  constexpr std::size_t k_tasks_count = 100;
  for (const auto& result : on_loop_at_once(k_tasks_count, [&](Task& task, std::size_t first) -> Result<void> {
         for (std::size_t i = first; i < k_values_count_max; i += k_tasks_count)
           TOMADA_TRY(store().values().put(task, integration.tenant_id, integration.config_id, std::to_string(i), "v"));
         return {};
       }))
    value_of(result);
  EXPECT_EQ(code_of(put("one more", "v")), Errc::invalid_data);
  EXPECT_TRUE(put("7", "other").has_value());
  EXPECT_EQ(get("7"), "other");
}

}  // namespace
}  // namespace tomada::store::testing
