#include "host/webhook/retention.hpp"

#include "tests/unit/webhook/fixture.hpp"

namespace tomada::webhook {
namespace {

using namespace std::chrono_literals;

TEST_F(WebhookTest, RetentionRunsHourlyAndKeepsWhatIsOpen) {
  code.on_webhook = [](const tomada_host&, tomada_call, const tomada_webhook& webhook, tomada_reply) -> tomada_status {
    return view(webhook.event_id) == "dead" ? TOMADA_E_PERMANENT : TOMADA_OK;
  };
  const auto done = accept("done");
  const auto dead = accept("dead");
  ASSERT_TRUE(work());
  Retention retention(loop, store->webhooks(), {.finished_for = 24h, .failed_for = 48h});
  retention.start();
  const auto is_there = [&](std::int64_t id) {
    return run([&](Task& task) {
             return value_of(store->webhooks().find(task, integration.tenant_id, integration.config_id, id));
           }).has_value();
  };
  const auto waits_for = [&](std::int64_t id) {
    for (int i = 0; i < 1'000 && is_there(id); ++i) clock.advance(1min);
    return !is_there(id);
  };
  EXPECT_TRUE(is_there(done));
  clock.advance(23h);
  const auto waiting = accept("waiting");
  EXPECT_TRUE(is_there(done));
  clock.advance(2h);
  EXPECT_TRUE(waits_for(done));
  EXPECT_TRUE(is_there(dead));
  EXPECT_TRUE(is_there(waiting));
  clock.advance(24h);
  EXPECT_TRUE(waits_for(dead));
  EXPECT_TRUE(is_there(waiting)) << "it is still to be worked off";
  loop.cancel_tasks();
  while (loop.run_ready() || loop.tasks_count() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace tomada::webhook
