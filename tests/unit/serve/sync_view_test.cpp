#include "host/serve/sync_view.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tomada::serve {
namespace {

using nlohmann::ordered_json;

store::Sync running(std::int64_t current, std::int64_t total) {
  store::Sync sync;
  sync.operation_status = "processing";
  sync.progress_current = current;
  sync.progress_total = total;
  sync.started_at_ms = 1'000;
  return sync;
}

TEST(SyncView, ProgressIsThatOfTheUsersDocument) {
  EXPECT_EQ(progress_view(running(1250, 5000)), (ordered_json{{"current", 1250}, {"total", 5000}, {"percentage", 25}}));
  EXPECT_EQ(progress_view(running(7, 0)), (ordered_json{{"current", 7}, {"total", nullptr}, {"percentage", nullptr}}));
  EXPECT_EQ(progress_view(running(20, 10))["percentage"], 100);
  store::Sync done = running(0, 0);
  done.operation_status = "completed";
  EXPECT_EQ(progress_view(done), (ordered_json{{"current", 0}, {"total", 0}, {"percentage", 100}}));
  done.records_processed = 1108;
  EXPECT_EQ(progress_view(done), (ordered_json{{"current", 1108}, {"total", 1108}, {"percentage", 100}}));
}

TEST(SyncView, TheEtaFollowsFromTheRateSoFar) {
  // 1,250 in one second; 3,750 are left: three more.
  EXPECT_EQ(eta_ms(running(1250, 5000), 2'000), 5'000);
  EXPECT_EQ(eta_ms(running(1250, 0), 2'000), std::nullopt);
  EXPECT_EQ(eta_ms(running(0, 5000), 2'000), std::nullopt);
  EXPECT_EQ(eta_ms(running(5000, 5000), 2'000), std::nullopt);
  EXPECT_EQ(eta_ms(running(10, 5000), 1'000), std::nullopt);
  store::Sync waiting = running(10, 20);
  waiting.operation_status = "pending";
  EXPECT_EQ(eta_ms(waiting, 2'000), std::nullopt);
}

}  // namespace
}  // namespace tomada::serve
