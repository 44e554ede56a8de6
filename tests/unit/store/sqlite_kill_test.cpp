// A process that is killed while it commits loses nothing that it was told is written, and doubles nothing.
#include "host/store/sqlite/open.hpp"
#include "tests/support/store_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <set>

namespace tomada::store::testing {
namespace {

using runtime::Task;

constexpr int k_kills_count = 20;
constexpr int k_page_records = 20;
constexpr std::uint32_t k_seed = 20260110;

std::string page_id(int number, int record) { return std::to_string(number) + "/" + std::to_string(record); }

/// The child: commits page after page, four tasks at once, and reports the number of each page that is written.
[[noreturn]] void commit_until_killed(const std::filesystem::path& file, const Integration& integration, int first,
                                      int report) {
  auto opened = sqlite::open({.file = file, .wal_bytes_max = 256 * 1024});
  if (opened.has_error()) _exit(2);
  Store& store = **opened;
  int next = first;
  (void)on_loop_at_once(4, [&](Task& task, std::size_t) {
    while (true) {
      const int number = next++;
      std::vector<RecordChange> all;
      for (int i = 0; i < k_page_records; ++i) all.push_back(upsert(page_id(number, i), "{}"));
      if (store.records().commit(task, page_of(integration, std::move(all))).has_error()) _exit(3);
      if (write(report, &number, sizeof number) != sizeof number) _exit(4);
    }
    return 0;
  });
  _exit(5);
}

/// Starts a child, kills it after `reports` reports and `delay` more; returns the pages that it reported.
std::vector<int> run_and_kill(const std::filesystem::path& file, const Integration& integration, int first,
                              int reports, std::chrono::microseconds delay) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    commit_until_killed(file, integration, first, ends[1]);
  }
  close(ends[1]);
  std::vector<int> pages;
  int number = 0;
  for (int i = 0; i < reports && read(ends[0], &number, sizeof number) == sizeof number; ++i) pages.push_back(number);
  // Nothing is waited for here: the moment of the kill is what is drawn, to the microsecond.
  for (const auto until = std::chrono::steady_clock::now() + delay; std::chrono::steady_clock::now() < until;) {
  }
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  while (read(ends[0], &number, sizeof number) == sizeof number) pages.push_back(number);
  close(ends[0]);
  return pages;
}

TEST(SqliteKillTest, EveryAcknowledgedPageIsThereOnceAfterAKill) {
  const TempFolder folder;
  const auto file = folder.path() / "tomada.db";
  std::mt19937 random(k_seed);
  Integration integration;
  {
    const auto store = value_of(sqlite::open({.file = file}));
    integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  }
  std::set<int> acknowledged;
  int first = 0;
  for (int round = 0; round < k_kills_count; ++round) {
    const int reports = std::uniform_int_distribution<int>(0, 60)(random);
    const std::chrono::microseconds delay(std::uniform_int_distribution<int>(0, 5000)(random));
    for (const int page : run_and_kill(file, integration, first, reports, delay)) acknowledged.insert(page);
    first += 100'000;

    const auto store = value_of(sqlite::open({.file = file}));
    ASSERT_TRUE(store);
    std::multiset<std::string> stored;
    for (const StoredRecord& record : changes(*store, integration, {}, 0, 10'000'000)) stored.insert(record.external_id);
    for (const int page : acknowledged)
      for (int i = 0; i < k_page_records; ++i)
        ASSERT_EQ(stored.count(page_id(page, i)), 1u) << "page " << page << " after kill " << round;
    ASSERT_EQ(stored.size() % k_page_records, 0u) << "half a page";
    ASSERT_EQ(count(*store, integration), static_cast<std::int64_t>(stored.size()));
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

}  // namespace
}  // namespace tomada::store::testing
