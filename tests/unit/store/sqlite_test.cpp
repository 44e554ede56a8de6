// What only SQLite has: the file, its lock, the writer's groups, the log, full disks.
#include "host/store/sqlite/open.hpp"
#include "host/store/sqlite/sqlite_store.hpp"
#include "tests/support/store_fixture.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace tomada::store::testing {
namespace {

using ::testing::HasSubstr;
using runtime::Task;

struct SqliteTest : ::testing::Test {
  TempFolder folder;
  std::filesystem::path file = folder.path() / "tomada.db";

  std::unique_ptr<Store> open(sqlite::Options options = {}) {
    options.file = file;
    return value_of(sqlite::open(options));
  }
  std::string refusal() {
    auto opened = sqlite::open({.file = file});
    EXPECT_TRUE(opened.has_error());
    if (opened.has_value()) return {};
    refusal_code = opened.error().code;
    return opened.error().message;
  }
  void execute(const char* script) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, script, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }
  [[nodiscard]] std::uintmax_t wal_bytes() const { return std::filesystem::file_size(file.string() + "-wal"); }

  Errc refusal_code{};
};

Page big_page(const Integration& integration, int number, std::size_t bytes) {
  std::vector<RecordChange> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(upsert(std::to_string(number) + "/" + std::to_string(i), '"' + std::string(bytes, 'x') + '"'));
  return page_of(integration, std::move(all));
}

TEST_F(SqliteTest, FilesAreForTheirOwnerOnly) {
  { std::ofstream(file).flush(); }
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  const auto store = open();
  add_tenant(*store, "acme");
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat status {};
    ASSERT_EQ(stat((file.string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteTest, WhatWasWrittenIsThereAfterReopening) {
  Integration integration;
  std::int64_t last = 0;
  {
    const auto store = open();
    integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
    commit(*store, page_of(integration, {upsert("a", "1"), upsert("b", "1")}));
    last = changes(*store, integration).back().sequence;
  }
  EXPECT_FALSE(std::filesystem::exists(file.string() + "-wal")) << "closing moves the whole log into the file";
  const auto store = open();
  EXPECT_EQ(changes(*store, integration).size(), 2u);
  commit(*store, page_of(integration, {upsert("a", "2")}));
  EXPECT_GT(changes(*store, integration).back().sequence, last);
}

TEST_F(SqliteTest, ASecondOpenerIsToldWhoHasIt) {
  const auto store = open();
  const std::string message = refusal();
  EXPECT_EQ(refusal_code, Errc::unavailable);
  EXPECT_THAT(message, HasSubstr("in use by process " + std::to_string(getpid())));
}

TEST_F(SqliteTest, ADamagedFileIsRefused) {
  {
    const auto store = open();
    const Integration integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
    for (int i = 0; i < 20; ++i) commit(*store, big_page(integration, i, 500));
  }
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(40 * 4096);
    stream << std::string(64 * 4096, '\x5a');
  }
  EXPECT_THAT(refusal(), HasSubstr("damaged"));
  EXPECT_EQ(refusal_code, Errc::invalid_data);
}

TEST_F(SqliteTest, AFileThatIsNoDatabaseIsRefused) {
  { std::ofstream(file) << std::string(8192, 'x'); }
  EXPECT_THAT(refusal(), HasSubstr("damaged"));
  EXPECT_EQ(refusal_code, Errc::invalid_data);
}

TEST_F(SqliteTest, ADatabaseOfAnotherProgramIsRefused) {
  execute("CREATE TABLE theirs (a)");
  EXPECT_THAT(refusal(), HasSubstr("not one of Tomada"));
  EXPECT_EQ(refusal_code, Errc::invalid_data);
}

TEST_F(SqliteTest, ANewerSchemaIsRefused) {
  { open(); }
  execute("INSERT INTO schema_migrations VALUES (9999, 'from the future', 0)");
  EXPECT_THAT(refusal(), HasSubstr("newer version of Tomada"));
  EXPECT_EQ(refusal_code, Errc::invalid_data);
}

TEST_F(SqliteTest, AFolderThatIsMissingIsASentence) {
  file = folder.path() / "nowhere" / "tomada.db";
  EXPECT_THAT(refusal(), HasSubstr("No such file or directory"));
  EXPECT_EQ(refusal_code, Errc::unavailable);
}

TEST_F(SqliteTest, TheOldestEventsGo) {
  std::string tenant_id;
  {
    tenant_id = add_tenant(*open(), "acme").tenant_id;
  }
  const std::string fill = "INSERT INTO event_sequences VALUES ('" + tenant_id + "', 100000);"
      " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
      " INSERT INTO events SELECT '" + tenant_id + "', i, '', 't', '{}', 0 FROM n";
  execute(fill.c_str());
  const auto store = open();
  value_of(on_loop([&](Task& task) -> Result<void> {
    Event event;
    event.tenant_id = tenant_id;
    EXPECT_EQ(value_of(store->events().append(task, event)), 100'001);
    const auto all = value_of(store->events().list(task, tenant_id, 0, 200'000));
    EXPECT_EQ(all.size(), k_events_max);
    EXPECT_EQ(all.front().sequence, 2);
    return {};
  }));
}

TEST_F(SqliteTest, ManyWritesShareACommit) {
  const auto store = open();
  const Integration integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  const auto groups_count = [&] { return dynamic_cast<sqlite::SqliteStore&>(*store).groups_count(); };
  const auto before = groups_count();
  const auto results = on_loop_at_once(1000, [&](Task& task, std::size_t i) {
    return store->values().put(task, integration.tenant_id, integration.config_id, std::to_string(i), "v");
  });
  for (const auto& result : results) value_of(result);
  EXPECT_LT(groups_count() - before, 200u);
}

TEST_F(SqliteTest, AWriteThatFailsInAGroupHarmsNoOther) {
  const auto store = open();
  const Integration integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  const auto results = on_loop_at_once(300, [&](Task& task, std::size_t i) -> Result<void> {
    // Every third one changes a row before it fails.
    Page page = page_of(integration, {upsert(std::to_string(i), "{}")});
    if (i % 3 == 0) page.sync_id = "no such sync";
    auto outcome = store->records().commit(task, page);
    if (outcome.has_error()) return std::move(outcome).error();
    return {};
  });
  std::size_t failed = 0;
  for (const auto& result : results) failed += result.has_error() ? 1 : 0;
  EXPECT_EQ(failed, 100u);
  const auto records = changes(*store, integration);
  EXPECT_EQ(records.size(), 200u);
  for (const StoredRecord& record : records) EXPECT_NE(std::stoi(record.external_id) % 3, 0);
  EXPECT_EQ(count(*store, integration), 200);
}

TEST_F(SqliteTest, AFullQueueIsUnavailable) {
  const auto store = open({.write_queue_max = 10});
  const Integration integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  const auto results = on_loop_at_once(2000, [&](Task& task, std::size_t i) {
    return store->values().put(task, integration.tenant_id, integration.config_id, std::to_string(i % 100), "v");
  });
  std::size_t refused = 0;
  for (const auto& result : results)
    if (result.has_error()) {
      EXPECT_EQ(result.error().code, Errc::unavailable);
      ++refused;
    }
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, 2000u);
}

TEST_F(SqliteTest, AFullFileRefusesWritesUntilThereIsSpaceAgain) {
  const auto store = open({.pages_max = 300});
  const Tenant tenant = add_tenant(*store, "acme");
  const Integration first = add_integration(*store, tenant.tenant_id);
  const Integration second = add_integration(*store, tenant.tenant_id);
  int fitted = 0;
  Errc code{};
  for (; fitted < 100; ++fitted) {
    auto outcome = on_loop([&](Task& task) { return store->records().commit(task, big_page(first, fitted, 500)); });
    if (outcome.has_value()) continue;
    code = outcome.error().code;
    break;
  }
  EXPECT_EQ(code, Errc::unavailable);
  EXPECT_GT(fitted, 0);
  EXPECT_EQ(count(*store, first), fitted * 100) << "the page that did not fit left nothing";
  EXPECT_EQ(changes(*store, first, {}, 0, 100'000).size(), static_cast<std::size_t>(fitted) * 100);
  value_of(on_loop([&](Task& task) {
    return store->integrations().remove(task, tenant.tenant_id, first.config_id);
  }));
  commit(*store, big_page(second, 1, 500));
  EXPECT_EQ(count(*store, second), 100);
}

/// While it lives, no file of this process grows beyond `bytes`: what a full disk does to a write-ahead log.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uintmax_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit limit{bytes, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(SqliteTest, ALogThatCannotGrowFailsTheWholeGroupAndLaterWritesWork) {
  const auto store = open();
  const Integration integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  std::size_t written = 0;
  {
    const FileSizeLimit limit(wal_bytes() + 1024UL * 1024);
    const auto results = on_loop_at_once(20, [&](Task& task, std::size_t i) {
      return store->records().commit(task, big_page(integration, static_cast<int>(i), 2000));
    });
    for (const auto& result : results) {
      if (result.has_value())
        ++written;
      else
        EXPECT_EQ(result.error().code, Errc::unavailable) << result.error().message;
    }
    EXPECT_LT(written, 20u);
    EXPECT_EQ(count(*store, integration), static_cast<std::int64_t>(written) * 100);
  }
  commit(*store, big_page(integration, 1000, 2000));
  EXPECT_EQ(count(*store, integration), static_cast<std::int64_t>(written + 1) * 100);
}

TEST_F(SqliteTest, AFullDiskKeepsNoHalfOfAnEvent) {
  const auto store = open();
  const Integration integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  std::vector<NewWebhook> events;
  for (int i = 0; i < 400; ++i) {
    events.push_back(new_webhook(integration, std::to_string(i)));
    events.back().body.assign(10'000, 'x');
  }
  std::size_t stored = 0;
  {
    const FileSizeLimit limit(wal_bytes() + 1024UL * 1024);
    const auto results = on_loop_at_once(20, [&](Task& task, std::size_t i) {
      return store->webhooks().accept(task, std::span(events).subspan(i * 20, 20));
    });
    for (const auto& result : results) {
      if (result.has_value())
        stored += result->events.size();
      else
        EXPECT_EQ(result.error().code, Errc::unavailable) << result.error().message;
    }
    EXPECT_LT(stored, events.size());
  }
  // Sent again, as a provider does: what was refused is new, what was stored is known.
  const auto again = value_of(on_loop([&](Task& task) { return store->webhooks().accept(task, events); }));
  std::size_t duplicates = 0;
  for (const AcceptedWebhook& event : again.events) duplicates += event.duplicate ? 1 : 0;
  EXPECT_EQ(duplicates, stored);
  const auto counts = value_of(on_loop([&](Task& task) { return store->webhooks().counts(task); }));
  EXPECT_EQ(counts.pending, 400);
  for (const NewWebhook& event : events) {
    const auto known = accept(*store, event);
    const auto found = value_of(on_loop([&](Task& task) {
      return store->webhooks().find(task, integration.tenant_id, integration.config_id, known.webhook_id);
    }));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->body.size(), 10'000u);
  }
}

TEST_F(SqliteTest, TheLogStaysBoundedUnderAFlood) {
  constexpr std::size_t k_wal_bytes_max = 2 * 1024 * 1024;
  const auto store = open({.wal_bytes_max = k_wal_bytes_max});
  const Integration integration = add_integration(*store, add_tenant(*store, "acme").tenant_id);
  std::uintmax_t largest = 0;
  int number = 0;
  const auto results = on_loop_at_once(4, [&](Task& task, std::size_t) -> Result<void> {
    for (int i = 0; i < 50; ++i) {
      auto outcome = store->records().commit(task, big_page(integration, number++, 1000));
      if (outcome.has_error()) return std::move(outcome).error();
      largest = std::max(largest, wal_bytes());
    }
    return {};
  });
  for (const auto& result : results) value_of(result);
  EXPECT_EQ(count(*store, integration), 20'000);
  EXPECT_GT(std::filesystem::file_size(file), 2 * k_wal_bytes_max) << "the flood is larger than the bound";
  EXPECT_LT(largest, 2 * k_wal_bytes_max);
}

TEST_F(SqliteTest, PingAnswers) {
  const auto store = open();
  EXPECT_TRUE(on_loop([&](Task& task) { return store->ping(task); }).has_value());
}

}  // namespace
}  // namespace tomada::store::testing
