// Dedupe keys on their way from memory into their place.
#include "host/store/sqlite/schema.hpp"
#include "host/store/sqlite/webhook_keys.hpp"
#include "tests/support/store_fixture.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace tomada::store::testing {
namespace {

using sqlite::Connection;
using sqlite::WebhookKey;
using sqlite::WebhookKeys;

struct WebhookKeysTest : ::testing::Test {
  WebhookKeysTest() {
    { std::ofstream(file).flush(); }
    connection = value_of(Connection::open(file, {}));
    EXPECT_TRUE(sqlite::migrate(*connection, 0).has_value());
  }
  /// In an order that looks random, always the same.
  static WebhookKey key(std::int64_t number) {
    WebhookKey made{};
    const auto mixed = static_cast<std::uint64_t>(number + 1) * 0x9e3779b97f4a7c15ULL;
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<char>(mixed >> (8 * (i % 8)));
    return made;
  }
  void group(std::int64_t from, std::int64_t count, bool commits = true) {
    connection->run("BEGIN IMMEDIATE");
    for (std::int64_t i = from; i < from + count; ++i) {
      EXPECT_EQ(keys.find(*connection, key(i)), std::nullopt) << i;
      keys.add(*connection, key(i), 1000 + i);
    }
    keys.before_commit(*connection);
    commits ? connection->run("COMMIT") : connection->run("ROLLBACK");
    const auto result = connection->take_result();
    ASSERT_TRUE(result.has_value()) << result.error().message;
    keys.ended(commits);
  }
  void expect_known(WebhookKeys& in, std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) ASSERT_EQ(in.find(*connection, key(i)), 1000 + i) << i;
  }
  std::int64_t number(sqlite::Sql query) {
    auto statement = connection->prepare(query);
    EXPECT_TRUE(statement.step());
    return statement.integer(0);
  }
  static constexpr std::size_t k_new_max = 2000;

  TempFolder folder;
  std::filesystem::path file = folder.path() / "tomada.db";
  std::unique_ptr<Connection> connection;
  WebhookKeys keys{k_new_max};
};

TEST_F(WebhookKeysTest, EachIsKnownAtEveryMomentOfTheMoveAndAfterReopening) {
  for (std::int64_t i = 0; i < 10'000; i += 50) {
    group(i, 50);
    expect_known(keys, std::max<std::int64_t>(0, i - 20), i + 50);
    if (i % 500 != 0) continue;
    expect_known(keys, 0, i + 50);
    WebhookKeys reopened(k_new_max);
    expect_known(reopened, 0, i + 50);
  }
  EXPECT_GT(number("SELECT count(*) FROM webhook_keys"), 5000);
}

TEST_F(WebhookKeysTest, FewWaitHoweverManyCome) {
  for (std::int64_t i = 0; i < 20'000; i += 50) {
    group(i, 50);
    ASSERT_LE(number("SELECT count(*) FROM webhook_keys_new"), 2 * static_cast<std::int64_t>(k_new_max));
  }
  // None is lost, none is kept twice for good.
  EXPECT_EQ(number("SELECT count(*) FROM (SELECT key FROM webhook_keys UNION SELECT key FROM webhook_keys_new)"), 20'000);
}

TEST_F(WebhookKeysTest, WhatWasRolledBackIsNotKnown) {
  std::int64_t kept = 0;
  for (std::int64_t i = 0; i < 10'000; i += 100) {
    group(kept, 100, false);  // asks for each that it is not known, again and again
    group(kept, 100);
    kept += 100;
  }
  expect_known(keys, 0, kept);
  EXPECT_EQ(number("SELECT count(*) FROM (SELECT key FROM webhook_keys UNION SELECT key FROM webhook_keys_new)"), kept);
}

TEST_F(WebhookKeysTest, OneThatWasRemovedInTheMiddleOfTheMoveDoesNotComeBack) {
  std::int64_t count = 0;
  while (number("SELECT count(*) FROM webhook_keys") == 0) {
    group(count, 50);
    count += 50;
  }
  keys.forget();
  connection->run("DELETE FROM webhook_keys");
  connection->run("DELETE FROM webhook_keys_new WHERE webhook_id < 2000");
  for (std::int64_t i = 0; i < 1000; ++i) ASSERT_EQ(keys.find(*connection, key(i)), std::nullopt);
  expect_known(keys, 1000, count);
  for (std::int64_t i = count; i < count + 10'000; i += 50) group(i, 50);
  for (std::int64_t i = 0; i < 1000; ++i) ASSERT_EQ(keys.find(*connection, key(i)), std::nullopt);
  expect_known(keys, 1000, count + 10'000);
}

}  // namespace
}  // namespace tomada::store::testing
