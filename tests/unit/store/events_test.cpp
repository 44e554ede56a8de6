#include "tests/support/store_fixture.hpp"

#include <algorithm>

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct EventsTest : StoreTest {
  [[nodiscard]] Event event(std::string type = "circuit_breaker.opened") const {
    return {.sequence = 0, .tenant_id = tenant.tenant_id, .config_id = integration.config_id, .type = std::move(type),
            .data_json = R"({"host":"api.example"})", .created_at_ms = k_now_ms};
  }
  Result<std::int64_t> append(const Event& one) {
    return on_loop([&](Task& task) { return store().events().append(task, one); });
  }
  std::vector<Event> list(const std::string& tenant_id, std::int64_t after_sequence = 0, std::size_t limit = 1'000) {
    return value_of(on_loop([&](Task& task) { return store().events().list(task, tenant_id, after_sequence, limit); }));
  }
};
TOMADA_STORE_SUITE(EventsTest);

TEST_P(EventsTest, KeepsEveryFieldAndCountsFromOne) {
  Event one = event();
  Event of_nobody = event("host.started");
  of_nobody.config_id.clear();
  EXPECT_EQ(value_of(append(one)), 1);
  EXPECT_EQ(value_of(append(of_nobody)), 2);
  one.sequence = 1;
  of_nobody.sequence = 2;
  EXPECT_EQ(list(tenant.tenant_id), (std::vector<Event>{one, of_nobody}));
}

TEST_P(EventsTest, EachTenantCountsForItself) {
  const Tenant other = add_tenant(store(), "other");
  Event foreign = event();
  foreign.tenant_id = other.tenant_id;
  foreign.config_id.clear();
  EXPECT_EQ(value_of(append(event())), 1);
  EXPECT_EQ(value_of(append(event())), 2);
  EXPECT_EQ(value_of(append(foreign)), 1);
  EXPECT_EQ(list(tenant.tenant_id).size(), 2u);
  EXPECT_EQ(list(other.tenant_id).size(), 1u);
}

TEST_P(EventsTest, IsReadOnwardsFromTheLastSequenceSeen) {
  for (int i = 0; i < 5; ++i) value_of(append(event(std::to_string(i))));
  const auto page = list(tenant.tenant_id, 2, 2);
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].sequence, 3);
  EXPECT_EQ(page[0].type, "2");
  EXPECT_EQ(page[1].sequence, 4);
  EXPECT_TRUE(list(tenant.tenant_id, 5).empty());
}

TEST_P(EventsTest, ManyAtOnceAreNumberedWithoutGaps) {
  constexpr std::size_t k_count = 200;
  std::vector<std::int64_t> sequences;
  for (const auto& sequence : on_loop_at_once(k_count, [&](Task& task, std::size_t index) {
         Event one = event(std::to_string(index));
         if (index % 10 == 3) one.data_json.assign(k_event_data_bytes_max + 1, ' ');  // refused, and takes no number
         return store().events().append(task, one);
       }))
    if (sequence.has_value()) sequences.push_back(*sequence);
  std::sort(sequences.begin(), sequences.end());
  ASSERT_EQ(sequences.size(), k_count / 10 * 9);
  for (std::size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], static_cast<std::int64_t>(i + 1));
  EXPECT_EQ(list(tenant.tenant_id).size(), sequences.size());
}

TEST_P(EventsTest, StaysWhenItsIntegrationGoes) {
  value_of(append(event()));
  value_of(on_loop([&](Task& task) {
    return store().integrations().remove(task, tenant.tenant_id, integration.config_id);
  }));
  ASSERT_EQ(list(tenant.tenant_id).size(), 1u);
  EXPECT_EQ(list(tenant.tenant_id)[0].config_id, integration.config_id);
  EXPECT_EQ(value_of(append(event())), 2);
}

TEST_P(EventsTest, ATenantThatIsNoneIsNotFoundAndTooMuchDataIsInvalid) {
  Event stray = event();
  stray.tenant_id = new_id();
  EXPECT_EQ(code_of(append(stray)), Errc::not_found);
  Event large = event();
  large.data_json = '"' + std::string(k_event_data_bytes_max - 2, 'x') + '"';
  EXPECT_EQ(value_of(append(large)), 1) << "what was refused took no number";
  large.data_json += ' ';
  EXPECT_EQ(code_of(append(large)), Errc::invalid_data);
}

}  // namespace
}  // namespace tomada::store::testing
