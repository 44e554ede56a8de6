// The log's writes are gathered: what that must not change, seen with two connections on one file.
#include "host/store/sqlite/connection.hpp"
#include "host/store/sqlite/wal_vfs.hpp"
#include "tests/support/store_fixture.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

namespace tomada::store::testing {
namespace {

using sqlite::Connection;

struct WalVfsTest : ::testing::Test {
  WalVfsTest() {
    { std::ofstream(file).flush(); }
    first = value_of(Connection::open(file, {}));
    second = value_of(Connection::open(file, {}));
    execute(*first, "CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)");
  }
  static void execute(Connection& connection, const std::string& script) {
    connection.execute(script);
    const auto result = connection.take_result();
    EXPECT_TRUE(result.has_value()) << result.error().message;
  }
  /// Each of more than a page.
  static void insert(Connection& connection, int count, const std::string& body) {
    for (int i = 0; i < count; ++i) connection.run("INSERT INTO rows (body) VALUES (?1)", body + std::string(5000, 'x'));
    const auto result = connection.take_result();
    EXPECT_TRUE(result.has_value()) << result.error().message;
  }
  static std::int64_t number(Connection& connection, sqlite::Sql query) {
    auto statement = connection.prepare(query);
    EXPECT_TRUE(statement.step());
    return statement.integer(0);
  }
  static std::string integrity(Connection& connection) {
    auto statement = connection.prepare("PRAGMA integrity_check");
    EXPECT_TRUE(statement.step());
    return statement.text(0);
  }

  TempFolder folder;
  std::filesystem::path file = folder.path() / "tomada.db";
  std::unique_ptr<Connection> first, second;
};

std::int64_t writes_count() {
  std::ifstream stream("/proc/thread-self/io");
  for (std::string word; stream >> word;)
    if (word == "syscw:") {
      std::int64_t count = 0;
      stream >> count;
      return count;
    }
  return -1;
}

TEST_F(WalVfsTest, ACommitOfManyPagesIsFewWrites) {
  const auto before = writes_count();
  if (before < 0) GTEST_SKIP() << "this kernel does not count system calls";
  execute(*first, "BEGIN");
  insert(*first, 200, "a");  // 400 pages, 800 writes of SQLite
  execute(*first, "COMMIT");
  const auto writes = writes_count() - before;
  EXPECT_GT(writes, 2);
  EXPECT_LT(writes, 40);
}

TEST_F(WalVfsTest, ACommitIsSeenByEveryConnectionAtOnce) {
  for (int i = 1; i <= 50; ++i) {
    insert(*first, 1, "a");
    ASSERT_EQ(number(*second, "SELECT count(*) FROM rows"), i);
    ASSERT_EQ(number(*second, "SELECT length(body) FROM rows ORDER BY id DESC LIMIT 1"), 5001);
  }
}

TEST_F(WalVfsTest, ATransactionReadsItsOwnPagesThatLeftTheCache) {
  execute(*first, "PRAGMA cache_size=10; BEGIN");
  insert(*first, 100, "a");
  EXPECT_EQ(number(*first, "SELECT sum(length(body)) FROM rows"), 100 * 5001);
  // The same pages once more: frames that were written already are written again, with new checksums at the end.
  execute(*first, "UPDATE rows SET body = 'b' || substr(body, 2)");
  EXPECT_EQ(number(*second, "SELECT count(*) FROM rows"), 0);
  execute(*first, "COMMIT");
  EXPECT_EQ(number(*second, "SELECT count(*) FROM rows WHERE body LIKE 'bxx%'"), 100);
  EXPECT_EQ(integrity(*second), "ok");
}

TEST_F(WalVfsTest, WhatWasRolledBackIsNotWrittenOverTheCommitOfAnother) {
  execute(*first, "PRAGMA cache_size=10");
  for (const char* end : {"ROLLBACK", "ROLLBACK TO one; ROLLBACK"}) {
    execute(*first, "BEGIN; SAVEPOINT one");
    insert(*first, 100, "lost");
    execute(*first, end);
    execute(*second, "BEGIN");
    insert(*second, 200, "kept");
    execute(*second, "COMMIT");
    insert(*first, 1, "kept");
  }
  first.reset();
  second.reset();
  const auto again = value_of(Connection::open(file, {}));
  EXPECT_EQ(integrity(*again), "ok");
  EXPECT_EQ(number(*again, "SELECT count(*) FROM rows WHERE body LIKE 'keptxx%'"), 402);
}

TEST_F(WalVfsTest, ALogThatCannotGrowFailsTheCommitThatMeetsIt) {
  insert(*first, 1, "kept");
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limit{std::filesystem::file_size(file.string() + "-wal") + 100'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  execute(*first, "BEGIN");
  insert(*first, 100, "lost");  // they fit into the cache, so nothing is written yet
  first->run("COMMIT");
  const auto result = first->take_result();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Errc::unavailable);
  if (first->in_transaction()) execute(*first, "ROLLBACK");
  EXPECT_EQ(number(*second, "SELECT count(*) FROM rows"), 1);
  insert(*first, 10, "kept");
  EXPECT_EQ(number(*second, "SELECT count(*) FROM rows WHERE body LIKE 'keptxx%'"), 11);
  EXPECT_EQ(integrity(*second), "ok");
}

}  // namespace
}  // namespace tomada::store::testing
