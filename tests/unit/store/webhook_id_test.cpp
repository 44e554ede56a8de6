#include "host/store/webhooks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

namespace tomada::store {
namespace {

constexpr std::int64_t k_ms = 1'900'000'000'000;  // after every other id that this process makes

TEST(WebhookId, GrowsWithEachCallEvenWhenTheClockGoesBack) {
  const std::int64_t first = make_webhook_id(k_ms);
  EXPECT_EQ(first >> 22, k_ms);
  const std::int64_t second = make_webhook_id(k_ms);
  EXPECT_GT(second, first);
  EXPECT_GT(make_webhook_id(k_ms - 1000), second);
  EXPECT_EQ(make_webhook_id(k_ms + 5) >> 22, k_ms + 5);
}

TEST(WebhookId, IsUniqueAndGrowsInEachThread) {
  constexpr std::size_t k_threads = 4;
  constexpr std::size_t k_each = 20'000;
  std::vector<std::vector<std::int64_t>> made(k_threads);
  std::vector<std::thread> threads;
  for (auto& ids : made)
    threads.emplace_back([&ids] {
      for (std::size_t i = 0; i < k_each; ++i) ids.push_back(make_webhook_id(k_ms + static_cast<std::int64_t>(i / 100)));
    });
  for (auto& thread : threads) thread.join();
  std::set<std::int64_t> all;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), k_threads * k_each);
}

TEST(WebhookId, AsTextSortsAsTheNumberAndComesBack) {
  EXPECT_EQ(format_webhook_id(0x1a2b), "0000000000001a2b");
  EXPECT_EQ(parse_webhook_id("0000000000001a2b"), 0x1a2b);
  const std::int64_t id = make_webhook_id(k_ms);
  EXPECT_EQ(parse_webhook_id(format_webhook_id(id)), id);
  EXPECT_LT(format_webhook_id(id), format_webhook_id(make_webhook_id(k_ms + 1)));
}

TEST(WebhookId, TextThatIsNoIdIsRefused) {
  for (const char* text : {"", "1a2b", "0000000000001A2B", "000000000000 a2b", "00000000000001a2b", "000000000000001g",
                           "-00000000000001a", "ffffffffffffffff"})
    EXPECT_FALSE(parse_webhook_id(text)) << text;
}

}  // namespace
}  // namespace tomada::store
