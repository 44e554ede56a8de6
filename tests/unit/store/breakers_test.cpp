#include "tests/support/store_fixture.hpp"

#include <algorithm>

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct BreakersTest : StoreTest {
  [[nodiscard]] BreakerStatus status(std::string host, std::string state = "closed", std::int64_t changed_at_ms = k_now_ms) const {
    BreakerStatus one;
    one.tenant_id = tenant.tenant_id;
    one.config_id = integration.config_id;
    one.host = std::move(host);
    one.current_state = std::move(state);
    one.state_changed_at_ms = changed_at_ms;
    return one;
  }
  Result<void> save(const BreakerStatus& one, const Event* event = nullptr) {
    return on_loop([&](Task& task) { return store().breakers().save(task, one, event); });
  }
  std::vector<BreakerStatus> list(const Integration& of) {
    return value_of(on_loop([&](Task& task) { return store().breakers().list(task, of.tenant_id, of.config_id); }));
  }
  std::vector<Event> events() {
    return value_of(on_loop([&](Task& task) { return store().events().list(task, tenant.tenant_id, 0, 100); }));
  }
};
TOMADA_STORE_SUITE(BreakersTest);

TEST_P(BreakersTest, KeepsEveryFieldByHostAndReplaces) {
  BreakerStatus full = status("b.example", "open", k_now_ms + 5);
  full.failure_count = 5'000'000'000;
  full.success_count = 2;
  full.consecutive_failures = 3;
  full.consecutive_successes = 4;
  full.last_failure_at_ms = k_now_ms + 1;
  full.last_success_at_ms = k_now_ms + 2;
  full.next_attempt_at_ms = k_now_ms + 60'007;
  const BreakerStatus plain = status("a.example");
  value_of(save(full));
  value_of(save(plain));
  EXPECT_EQ(list(integration), (std::vector<BreakerStatus>{plain, full}));
  full.current_state = "half_open";
  full.next_attempt_at_ms.reset();
  full.failure_count = 6;
  value_of(save(full));
  EXPECT_EQ(list(integration), (std::vector<BreakerStatus>{plain, full}));
}

TEST_P(BreakersTest, AnEventIsAppendedWithTheStatusOrNotAtAll) {
  Event event;
  event.config_id = integration.config_id;
  event.type = "circuit_breaker.opened";
  event.data_json = "{}";
  event.created_at_ms = k_now_ms;
  value_of(save(status("a.example", "open"), &event));
  value_of(save(status("a.example", "half_open")));
  value_of(save(status("a.example", "closed"), &event));
  ASSERT_EQ(events().size(), 2u);
  EXPECT_EQ(events()[1].sequence, 2);
  EXPECT_EQ(events()[1].type, "circuit_breaker.opened");
  EXPECT_EQ(events()[1].tenant_id, tenant.tenant_id);

  BreakerStatus stray = status("a.example", "open");
  stray.config_id = new_id();
  EXPECT_EQ(code_of(save(stray, &event)), Errc::not_found);
  event.data_json.assign(k_event_data_bytes_max + 1, ' ');
  EXPECT_EQ(code_of(save(status("a.example", "open"), &event)), Errc::invalid_data);
  EXPECT_EQ(events().size(), 2u);
  EXPECT_EQ(list(integration).at(0).current_state, "closed");
}

TEST_P(BreakersTest, BelongsToOneIntegrationOfOneTenant) {
  value_of(save(status("a.example", "open")));
  const Integration second = add_integration(store(), tenant.tenant_id);
  EXPECT_TRUE(list(second).empty());
  Integration foreign = integration;
  foreign.tenant_id = add_tenant(store(), "other").tenant_id;
  EXPECT_TRUE(list(foreign).empty());
  BreakerStatus theirs = status("a.example");
  theirs.tenant_id = foreign.tenant_id;
  EXPECT_EQ(code_of(save(theirs)), Errc::not_found);
  EXPECT_EQ(list(integration).at(0).current_state, "open");
  value_of(on_loop([&](Task& task) {
    return store().integrations().remove(task, tenant.tenant_id, integration.config_id);
  }));
  EXPECT_TRUE(list(integration).empty());
}

TEST_P(BreakersTest, AStateOrAHostThatIsNoneIsInvalid) {
  EXPECT_EQ(code_of(save(status("a.example", "ajar"))), Errc::invalid_data);
  EXPECT_EQ(code_of(save(status(std::string(k_breaker_host_bytes_max + 1, 'a')))), Errc::invalid_data);
  value_of(save(status(std::string(k_breaker_host_bytes_max, 'a'))));
}

TEST_P(BreakersTest, OverTheLimitTheOldestClosedOneGoes) {
  const auto host = [](std::size_t number) { return "h" + std::to_string(1'000 + number); };
  for (std::size_t i = 0; i < k_breaker_hosts_max; ++i)
    value_of(save(status(host(i), i < 2 ? "open" : "closed", k_now_ms + static_cast<std::int64_t>(i))));
  EXPECT_EQ(list(integration).size(), k_breaker_hosts_max);
  value_of(save(status("one more", "closed", 0)));
  const auto all = list(integration);
  EXPECT_EQ(all.size(), k_breaker_hosts_max);
  const auto has = [&](const std::string& name) {
    return std::any_of(all.begin(), all.end(), [&](const BreakerStatus& one) { return one.host == name; });
  };
  EXPECT_TRUE(has(host(0))) << "it is open";
  EXPECT_FALSE(has(host(2)));
  EXPECT_TRUE(has(host(3)));
  EXPECT_TRUE(has("one more")) << "however old it is";
}

}  // namespace
}  // namespace tomada::store::testing
