// What a session takes for done when the server crashes in the middle of a commit, and what a crash leaves of the cache.
#include "host/store/postgres/address.hpp"
#include "host/store/postgres/open.hpp"
#include "host/store/postgres/session.hpp"
#include "tests/support/store_fixture.hpp"

#include <cstdlib>
#include <fstream>

namespace tomada::store::postgres {
namespace {

using store::testing::value_of;

/// A server of its own, which may crash. A crash must not write what it has in hand: settings make it wait for long.
struct CrashingServer {
  store::testing::TempFolder folder;
  std::string url;

  CrashingServer() {
    run("start", "wal_writer_delay=10s");
    std::ifstream(folder.path() / "url") >> url;
    ask(url + "/postgres", "CREATE DATABASE sessions");
    url += "/sessions";
    ask(url, "CREATE TABLE public.numbers (number xid8)");
  }
  ~CrashingServer() { run("stop"); }
  void crash() const { run("restart"); }
  static std::string ask(const std::string& url, const std::string& statement) {
    const auto connection = value_of(Connection::open(value_of(parse_address(url)), {}));
    const auto rows = connection->execute(statement);
    value_of(connection->take_result());
    return rows.empty() ? std::string() : rows.front().text(0);
  }

 private:
  void run(const std::string& word, const std::string& more = {}) const {
    const std::string command = std::string(TOMADA_POSTGRES_SCRIPT) + " " + word + " " + folder.path().string() + " " + more + " >/dev/null";
    if (std::system(command.c_str()) != 0) ADD_FAILURE() << command;
  }
};

TEST(PostgresSession, ACommitWhoseNumberTheServerGaveAwayAgainIsNoSuccess) {
  const CrashingServer server;
  const auto address = value_of(parse_address(server.url));
  Stop stop;
  Session session(address, {}, stop);
  int runs_count = 0;
  const auto error = session.transact({}, [&](Connection& connection) {
    connection.execute("INSERT INTO numbers SELECT pg_current_xact_id()");
    if (++runs_count > 1) return true;
    const std::string number = connection.execute("SELECT pg_current_xact_id()").front().text(0);
    server.crash();  // nothing of this transaction was written
    std::string others;
    for (int i = 0; i < 100 && others != number; ++i) others = server.ask(server.url, "SELECT pg_current_xact_id()");
    EXPECT_EQ(others, number) << "else this test shows nothing";
    return true;
  });
  ASSERT_TRUE(error) << "it may not be called done, since nobody knows";
  EXPECT_EQ(error->code, Errc::unavailable);
  EXPECT_EQ(runs_count, 1);
  EXPECT_EQ(server.ask(server.url, "SELECT count(*) FROM numbers"), "0");
}

TEST(PostgresSession, ACommitThatTheServerNeverHeardOfRunsAgain) {
  const CrashingServer server;
  const auto address = value_of(parse_address(server.url));
  Stop stop;
  Session session(address, {}, stop);
  int runs_count = 0;
  const auto error = session.transact({}, [&](Connection&) {
    if (++runs_count == 1) server.crash();
    return true;
  });
  EXPECT_FALSE(error) << error->message;
  EXPECT_EQ(runs_count, 2);
}

TEST(PostgresSession, AfterACrashTheCacheIsEmptyAndCountsFromNothing) {
  const CrashingServer server;
  const auto store = value_of(open({.url = server.url}));
  const auto integration = store::testing::add_integration(*store, store::testing::add_tenant(*store, "acme").tenant_id);
  const auto put = [&](const std::string& key) {
    return store::testing::on_loop([&](runtime::Task& task) {
      const CacheEntry entry{.value = "v", .expires_at_ms = 1};
      return store->cache_entries().put(task, integration.tenant_id, integration.config_id, key, entry);
    });
  };
  value_of(put("before"));
  server.crash();
  value_of(put("after"));
  EXPECT_EQ(server.ask(server.url, "SELECT set_config('tomada.tenant_id', '*', false); SELECT convert_from(e.key, 'UTF8') || (s.bytes = e.bytes)"
                                   " FROM integrations.cache_entries e JOIN integrations.cache_sizes s USING (config_id)"),
            "aftertrue");
}

}  // namespace
}  // namespace tomada::store::postgres
