// A whole store from SQLite to PostgreSQL: everything arrives, whatever interrupts it, and what does not is found.
#include "host/store/copy/copy.hpp"

#include "host/store/copy/source.hpp"
#include "host/store/postgres/connection.hpp"
#include "host/store/postgres/open.hpp"
#include "host/store/sqlite/open.hpp"
#include "tests/support/postgres_database.hpp"
#include "tests/support/store_fixture.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace tomada::store::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = PostgresDatabase::create();
    ASSERT_TRUE(created.has_value()) << created.error().message;
    database_ = std::make_unique<PostgresDatabase>(std::move(*created));
  }

  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "tomada.db"; }
  [[nodiscard]] std::string url() const { return database_->url(); }
  [[nodiscard]] std::unique_ptr<Store> source() const { return value_of(sqlite::open({.file = file()})); }
  [[nodiscard]] std::unique_ptr<Store> target() const { return value_of(postgres::open({.url = url()})); }
  [[nodiscard]] CopyOptions options() const { return {.from = "sqlite:" + file().string(), .to = url()}; }
  [[nodiscard]] Result<CopyReport> copy_all() const { return copy(options(), {}); }

  /// On the target, as the host itself; the first value.
  std::string sql(const std::string& script) const {
    const auto address = value_of(postgres::parse_address(url()));
    const auto connection = value_of(postgres::Connection::open(address, {}));
    const auto rows = connection->execute("SELECT set_config('tomada.tenant_id', '*', false); " + script);
    value_of(connection->take_result());
    return rows.empty() ? std::string() : rows.front().text(0);
  }

  /// Something of every kind.
  void fill() {
    const auto store = source();
    tenant = add_tenant(*store, "acme");
    other = add_tenant(*store, "it's \"other\" \\ {}");
    key = {.key_id = new_id(), .tenant_id = tenant.tenant_id, .tenant_name = "acme", .role = "admin",
           .key_sha256 = std::string(64, 'a'), .created_at_ms = k_now_ms + 1};
    app = add_app(*store, other.tenant_id, true);
    integration = add_integration(*store, tenant.tenant_id);
    second = add_integration(*store, other.tenant_id, "hubspot");
    value_of(on_loop([&](runtime::Task& task) -> Result<void> {
      TOMADA_TRY(store->tenants().add_key(task, key));
      TOMADA_TRY(store->plugins().approve(task, {.plugin_id = "aws-s3", .tenant_id = tenant.tenant_id, .capabilities = "{\"hosts\":[]}",
                                             .approved_by = "it's root", .approved_at_ms = k_now_ms}));
      TOMADA_TRY(store->plugins().approve(task, {.plugin_id = "old", .tenant_id = tenant.tenant_id, .capabilities = "",
                                                 .approved_by = "", .approved_at_ms = k_now_ms}));
      TOMADA_TRY(store->tenants().put_wrapped_key(task, tenant.tenant_id, std::string("\0\xff'\\", 4)));
      Plugins& plugins = store->plugins();
      for (const char* sha256 : {"bb", "aa", "it's"})
        TOMADA_TRY(plugins.add_version(task, {.plugin_id = "stripe", .sha256 = sha256, .version = "1", .installed_at_ms = 1}));
      TOMADA_TRY(plugins.choose(task, "stripe", "aa", 2));
      TOMADA_TRY(plugins.choose(task, "stripe", "bb", 3));
      TOMADA_TRY(plugins.pin(task, {.plugin_id = "stripe", .tenant_id = tenant.tenant_id, .version = "1"}));
      TOMADA_TRY(plugins.pin(task, {.plugin_id = "Zoom", .tenant_id = other.tenant_id, .version = "2"}));
      TOMADA_TRY(plugins.quarantine(task, {.plugin_id = "Zoom", .version = "2", .reason = "r", .signal = 11,
                                           .last_service = "http", .since_ms = 4}));
      second.limits.timeout_seconds = 9;
      second.limits.circuit_breaker_enabled = false;
      const std::vector<RateUse> uses{rate_use("minute", k_now_ms - 60'000), rate_use("minute", k_now_ms),
                                      rate_use("day", k_now_ms), rate_use("hour", k_now_ms)};
      for (const Integration& each : {integration, second}) {
        TOMADA_TRY(store->limits().save(task, each.tenant_id, each.config_id, uses, R"({"it's":1})", k_now_ms));
        for (const char* host : {"b.example", "a.example"}) TOMADA_TRY(store->breakers().save(task, breaker_of(each, host), &tripped));
      }
      TOMADA_TRY(store->cache_entries().put(task, tenant.tenant_id, integration.config_id, "k", {.value = "v", .expires_at_ms = 1}));
      second.app_id = app.app_id;
      second.account_id = "42";
      second.sealed_credentials = std::string("\0sealed\n", 8);
      TOMADA_TRY(store->integrations().update(task, second));
      TOMADA_TRY(store->values().put(task, tenant.tenant_id, integration.config_id, "cursor", std::string("\0a'", 3)));
      return store->values().put(task, tenant.tenant_id, integration.config_id, std::string("\xff\0", 2), "odd key");
    }));
    for (int page = 0; page < 5; ++page) {
      std::vector<RecordChange> all;
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(page) + "'\"\\" + std::to_string(i);
        all.push_back(upsert(id, R"({"a":"it's \"\\ \u0000 ä"})", k_now_ms, i % 2 == 0 ? "object" : "contact"));
      }
      commit(*store, page_of(integration, all));
      commit(*store, page_of(second, {upsert("only", "{\"page\":" + std::to_string(page) + "}")}));
    }
    commit(*store, page_of(integration, {deletion("0'\"\\0")}));

    auto event = new_webhook(integration, "evt-1", "subject");
    event.body = std::string("\0\x80 raw\xff", 7);
    dead_id = accept(*store, event).webhook_id;
    for (int i = 2; i < 40; ++i) accept(*store, new_webhook(integration, "evt-" + std::to_string(i)));
    auto of_nobody = new_webhook(integration, "evt-nobody");
    of_nobody.tenant_id = other.tenant_id;
    of_nobody.config_id.clear();
    of_nobody.app_id = app.app_id;
    nobody_id = accept(*store, of_nobody).webhook_id;

    const Job job = lease_one(*store);
    const auto taken = value_of(on_loop([&](runtime::Task& task) { return store->webhooks().take(task, job, k_now_ms, true, 1); }));
    ASSERT_EQ(taken.size(), 1u);
    value_of(on_loop([&](runtime::Task& task) {
      WebhookOutcome outcome;
      outcome.tenant_id = tenant.tenant_id;
      outcome.config_id = integration.config_id;
      outcome.webhook_id = taken.front().webhook_id;
      outcome.attempt = taken.front().processing_attempts;
      outcome.processing_status = "failed";
      outcome.started_at_ms = outcome.now_ms = k_now_ms;
      outcome.duration_us = 7;
      outcome.error_code = "invalid_data";
      outcome.error_message = std::string("not UTF-8: \xff", 12);
      return store->webhooks().finish(task, outcome);
    }));
    sync = add_sync(*store, second);
    running = lease_one(*store);  // and is not given back
  }

  static RateUse rate_use(std::string type, std::int64_t start_ms) {
    return {.window_type = std::move(type), .window_start_ms = start_ms, .request_count = 5, .quota_limit = 6,
            .quota_remaining = 1, .quota_reset_at_ms = std::nullopt, .last_request_at_ms = start_ms + 3};
  }
  static BreakerStatus breaker_of(const Integration& one, std::string host) {
    BreakerStatus status;
    status.tenant_id = one.tenant_id;
    status.config_id = one.config_id;
    status.host = std::move(host);
    status.current_state = "open";
    status.failure_count = 3;
    status.next_attempt_at_ms = k_now_ms + 8;
    status.state_changed_at_ms = k_now_ms;
    return status;
  }

  const Event tripped{.sequence = 0, .tenant_id = {}, .config_id = {}, .type = "circuit_breaker.opened",
                      .data_json = R"({"host":"it's"})", .created_at_ms = k_now_ms};
  TempFolder folder_;
  std::unique_ptr<PostgresDatabase> database_;
  Tenant tenant, other;
  ApiKey key;
  App app;
  Integration integration, second;
  Sync sync;
  Job running;
  std::int64_t dead_id{}, nobody_id{};
};

/// Of a host: what it knows about the calls of each.
std::tuple<RateState, std::vector<BreakerStatus>, CallLimits> calls_of(Store& store, const Integration& one) {
  return on_loop([&](runtime::Task& task) {
    return std::tuple(value_of(store.limits().load(task, one.tenant_id, one.config_id)),
                      value_of(store.breakers().list(task, one.tenant_id, one.config_id)),
                      value_of(store.integrations().find(task, one.tenant_id, one.config_id))->limits);
  });
}
std::vector<Event> events_of(Store& store, const Tenant& tenant) {
  return value_of(on_loop([&](runtime::Task& task) { return store.events().list(task, tenant.tenant_id, 0, 100); }));
}

using SortedRecord = std::tuple<std::string, std::string, std::string, std::int64_t, bool, std::int64_t, std::int64_t>;
std::vector<SortedRecord> order_of(Store& store, const Integration& integration) {
  std::vector<SortedRecord> all;
  for (const StoredRecord& record : changes(store, integration))
    all.emplace_back(record.entity, record.external_id, record.data_json, record.updated_at_ms, record.deleted, record.version,
                     record.sequence);
  return all;
}

TEST_F(CopyTest, EveryPartReadsTheSameOnBothSides) {
  fill();
  const CopyReport report = value_of(copy_all());
  EXPECT_EQ(report.rows_written, report.rows_total);
  EXPECT_EQ(report.texts_changed, 2) << "the error of the event and that of its attempt";
  const auto from = source();
  const auto to = target();
  for (const Integration& each : {integration, second}) {
    EXPECT_FALSE(order_of(*from, each).empty());
    EXPECT_EQ(order_of(*from, each), order_of(*to, each));
    EXPECT_EQ(count(*from, each), count(*to, each));
    EXPECT_EQ(count(*from, each, "contact"), count(*to, each, "contact"));
  }
  for (Store* store : {from.get(), to.get()}) {
    SCOPED_TRACE(store == from.get() ? "source" : "target");
    on_loop([&](runtime::Task& task) {
      EXPECT_EQ(value_of(store->tenants().find_by_name(task, other.name))->created_at_ms, k_now_ms);
      EXPECT_EQ(value_of(store->tenants().find_key(task, key.key_sha256))->created_at_ms, k_now_ms + 1);
      EXPECT_TRUE(value_of(store->tenants().is_plugin_allowed(task, tenant.tenant_id, "aws-s3")));
      const auto approvals = value_of(store->plugins().all(task)).approvals;
      EXPECT_EQ(approvals, (std::vector<PluginApproval>{{"aws-s3", tenant.tenant_id, "{\"hosts\":[]}", "it's root", k_now_ms},
                                                        {"old", tenant.tenant_id, "", "", k_now_ms}}));
      EXPECT_EQ(value_of(store->tenants().wrapped_key(task, tenant.tenant_id)), std::string("\0\xff'\\", 4));
      const auto found = value_of(store->integrations().find(task, other.tenant_id, second.config_id));
      EXPECT_EQ(found->sealed_credentials, second.sealed_credentials);
      EXPECT_EQ(found->app_id, app.app_id);
      EXPECT_EQ(found->version, 2);
      EXPECT_EQ(value_of(store->apps().find(task, tenant.tenant_id, app.app_id))->sealed_credentials, app.sealed_credentials);
      const PluginState plugins = value_of(store->plugins().all(task));
      EXPECT_EQ(plugins.versions.size(), 3u);
      EXPECT_EQ(plugins.versions.back().sha256, "it's");
      EXPECT_EQ(plugins.choices.at(0).previous_sha256, "aa");
      EXPECT_EQ(plugins.choices.at(0).chosen_at_ms, 3);
      EXPECT_EQ(plugins.pins.size(), 2u);
      EXPECT_EQ(plugins.pins.at(0).tenant_id, other.tenant_id);
      EXPECT_EQ(plugins.quarantines.at(0).signal, 11);
      EXPECT_EQ(value_of(store->values().get(task, tenant.tenant_id, integration.config_id, "cursor")), std::string("\0a'", 3));
      EXPECT_EQ(value_of(store->values().get(task, tenant.tenant_id, integration.config_id, std::string("\xff\0", 2))), "odd key");
      const auto dead = value_of(store->webhooks().find(task, tenant.tenant_id, integration.config_id, dead_id));
      EXPECT_EQ(dead->body, std::string("\0\x80 raw\xff", 7));
      EXPECT_EQ(dead->headers, "Content-Type: application/json\n");
      EXPECT_EQ(dead->processing_status, "failed");
      EXPECT_EQ(value_of(store->webhooks().attempts(task, tenant.tenant_id, integration.config_id, dead_id)).size(), 1u);
      EXPECT_EQ(value_of(store->webhooks().list(task, tenant.tenant_id, integration.config_id, {}, {})).size(), 39u);
      const auto of_app = value_of(store->webhooks().list(task, other.tenant_id, {}, app.app_id, {}));
      EXPECT_EQ(of_app.size(), 1u);
      EXPECT_EQ(of_app.empty() ? 0 : of_app.front().webhook_id, nobody_id);
      return 0;
    });
  }
  EXPECT_EQ(sql("SELECT sum(bytes) = (SELECT sum(length(headers) + length(body)) FROM integrations.webhook_payloads)"
                " FROM integrations.webhook_payload_changes"), "t");
}

TEST_F(CopyTest, LimitsBreakersAndEventsAreTheSameAndTheCacheStaysBehind) {
  fill();
  value_of(copy_all());
  const auto from = source();
  const auto to = target();
  for (const Integration& each : {integration, second}) {
    const auto [state, breakers, limits] = calls_of(*to, each);
    EXPECT_EQ(state.uses.size(), 4u);
    EXPECT_EQ(state.learned_json, R"({"it's":1})");
    EXPECT_EQ(breakers.size(), 2u);
    const auto [source_state, source_breakers, source_limits] = calls_of(*from, each);
    EXPECT_EQ(state.uses, source_state.uses);
    EXPECT_EQ(breakers, source_breakers);
    EXPECT_EQ(limits, source_limits);
  }
  EXPECT_EQ(std::get<CallLimits>(calls_of(*to, second)).timeout_seconds, 9);
  for (const Tenant& each : {tenant, other}) {
    EXPECT_EQ(events_of(*to, each).size(), 2u);
    EXPECT_EQ(events_of(*to, each), events_of(*from, each));
  }
  EXPECT_EQ(sql("SELECT (SELECT count(*) FROM integrations.cache_entries) + (SELECT count(*) FROM integrations.cache_sizes)"), "0");
  on_loop([&](runtime::Task& task) {
    Event next = tripped;
    next.tenant_id = tenant.tenant_id;
    EXPECT_EQ(value_of(to->events().append(task, next)), 3) << "a reader's last sequence is behind it";
    const std::vector<RateUse> uses{rate_use("minute", k_now_ms)};
    value_of(to->limits().save(task, tenant.tenant_id, integration.config_id, uses, {}, k_now_ms));
    EXPECT_EQ(value_of(to->limits().load(task, tenant.tenant_id, integration.config_id)).uses.back().request_count, 10);
    value_of(to->breakers().save(task, breaker_of(integration, "a.example"), nullptr));
    EXPECT_EQ(value_of(to->breakers().list(task, tenant.tenant_id, integration.config_id)).size(), 2u);
    return 0;
  });
}

TEST_F(CopyTest, WhatComesAfterwardsGoesOnFromThere) {
  fill();
  value_of(copy_all());
  const auto to = target();
  const auto before = order_of(*to, integration);
  commit(*to, page_of(integration, {upsert("new", "{}", 0, "contact"), upsert("another", "{}", 0, "new entity")}));
  const auto after = changes(*to, integration, {}, std::get<6>(before.back()));
  EXPECT_EQ(after.size(), 2u) << "a consumer's cursor is before what is new, and after all that it saw";

  EXPECT_TRUE(accept(*to, new_webhook(integration, "evt-7")).duplicate);
  EXPECT_FALSE(accept(*to, new_webhook(integration, "evt-70")).duplicate);
  auto jobs = value_of(on_loop([&](runtime::Task& task) { return to->jobs().lease(task, k_now_ms, 60'000, 10); }));
  ASSERT_EQ(jobs.size(), 2u) << "the leased ones wait again";
  for (const Job& job : jobs)
    if (job.job_id == running.job_id) {
      EXPECT_EQ(job.fencing_token, running.fencing_token + 1);
      EXPECT_EQ(job.attempts, running.attempts + 1);
    }
}

TEST_F(CopyTest, StoppedAfterEachBatchItGoesOnAndCopiesNothingTwice) {
  fill();
  CopyOptions small = options();
  small.batch_rows_max = 3;
  std::int64_t stops_count = 0;
  Result<CopyReport> outcome = fail(Errc::cancelled, "");
  std::int64_t rows_before = 0;
  while (outcome.has_error() && stops_count < 1'000) {
    ASSERT_EQ(outcome.error().code, Errc::cancelled) << outcome.error().message;
    outcome = copy(small, [&](const CopyProgress& progress) {
      EXPECT_GE(progress.all_rows, progress.phase == CopyProgress::Phase::copy ? rows_before : 0);
      if (progress.phase == CopyProgress::Phase::verify) return true;
      rows_before = progress.all_rows;
      return false;
    });
    ++stops_count;
    if (outcome.has_error()) { EXPECT_EQ(code_of(postgres::open({.url = url()})), Errc::conflict); }
  }
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_GT(stops_count, 60);
  EXPECT_EQ(outcome->rows_written, 0) << "the last run had only to compare";
  EXPECT_EQ(order_of(*source(), integration), order_of(*target(), integration));
}

TEST_F(CopyTest, ARowThatIsNotAsItWasIsFoundByTableAndKey) {
  fill();
  bool is_changed = false;
  const auto outcome = copy(options(), [&](const CopyProgress& progress) {
    if (progress.phase != CopyProgress::Phase::verify || is_changed) return true;
    is_changed = true;
    (void)sql("UPDATE integrations.records SET data = '{}' WHERE sequence = 17;"
              " DELETE FROM integrations.webhook_payloads WHERE webhook_id = " + std::to_string(dead_id));
    return true;
  });
  ASSERT_EQ(code_of(outcome), Errc::invalid_data);
  EXPECT_THAT(outcome.error().message, HasSubstr("(sequence 17) differs in data"));
  EXPECT_THAT(outcome.error().message, HasSubstr("webhook_payloads"));
  EXPECT_THAT(outcome.error().message, HasSubstr("(webhook_id " + std::to_string(dead_id) + ")"));
  EXPECT_THAT(outcome.error().message, Not(HasSubstr("record_keys")));
  EXPECT_EQ(code_of(postgres::open({.url = url()})), Errc::conflict) << "it is not complete";
  EXPECT_EQ(code_of(copy_all()), Errc::invalid_data) << "nor by asking again";

  CopyOptions anew = options();
  anew.start_over = true;
  EXPECT_GT(value_of(copy(anew, {})).rows_written, 0);
  (void)target();
}

TEST_F(CopyTest, ACompleteCopyIsLeftAlone) {
  fill();
  const CopyReport first = value_of(copy_all());
  (void)add_tenant(*target(), "later");
  const CopyReport again = value_of(copy_all());
  EXPECT_TRUE(again.was_complete);
  EXPECT_EQ(again.rows_written, 0);
  ASSERT_EQ(again.tables.size(), first.tables.size());
  for (std::size_t i = 0; i < first.tables.size(); ++i) EXPECT_EQ(again.tables[i].sha256, first.tables[i].sha256);
  (void)add_tenant(*source(), "later, elsewhere");
  EXPECT_EQ(code_of(copy_all()), Errc::conflict);
}

TEST_F(CopyTest, AFileThatChangedInBetweenIsRefused) {
  fill();
  ASSERT_EQ(code_of(copy(options(), [](const CopyProgress& progress) { return progress.table != "records"; })), Errc::cancelled);
  commit(*source(), page_of(integration, {upsert("late", "{}")}));
  const auto refused = copy_all();
  ASSERT_EQ(code_of(refused), Errc::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("--start-over"));
}

TEST_F(CopyTest, HostsAndCopiesKeepOutOfEachOthersWay) {
  fill();
  {
    const auto host = source();
    const auto refused = copy_all();
    ASSERT_EQ(code_of(refused), Errc::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr("in use by process"));
  }
  {
    const auto host = target();
    const auto refused = copy_all();
    ASSERT_EQ(code_of(refused), Errc::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr("a host runs on this database"));
  }
  bool asked = false;
  value_of(copy(options(), [&](const CopyProgress&) {
    if (asked) return true;
    asked = true;
    const auto refused = postgres::open({.url = url()});
    EXPECT_EQ(code_of(refused), Errc::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr("tomada store copy"));
    return true;
  }));
  EXPECT_TRUE(asked);
}

TEST_F(CopyTest, ADatabaseWithRowsOfItsOwnIsRefused) {
  fill();
  (void)add_tenant(*target(), "first");
  const auto refused = copy_all();
  ASSERT_EQ(code_of(refused), Errc::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("integrations.tenants"));
}

TEST_F(CopyTest, WrongAddressesAreRefusedWithoutTheirPasswords) {
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"postgres://me:secret@a/b", url()},
                                 {"mysql://me:secret@a", url()},
                                 {"sqlite:" + file().string(), "mysql://me:secret@a"},
                                 {"sqlite:" + (folder_.path() / "none.db").string(), url()}}) {
    const auto refused = copy({.from = from, .to = to}, {});
    ASSERT_EQ(code_of(refused), Errc::invalid_config) << from;
    EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "none.db")) << "nothing is made";
  const std::filesystem::path empty = folder_.path() / "empty.db";
  std::ofstream(empty).close();
  EXPECT_EQ(code_of(copy({.from = "sqlite:" + empty.string(), .to = url()}, {})), Errc::invalid_config);
  EXPECT_EQ(std::filesystem::file_size(empty), 0u) << "and no store becomes of it";
}

TEST_F(CopyTest, SqliteReadsEachTableInOrderWithoutSorting) {
  fill();
  auto opened = copying::Source::open(file());
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  copying::Source& source = *opened;
  for (const copying::Table& table : copying::tables()) {
    sqlite3_stmt* statement = nullptr;
    const std::string question = std::string("EXPLAIN QUERY PLAN ") + table.rows.text;
    ASSERT_EQ(sqlite3_prepare_v2(source.connection().handle(), question.c_str(), -1, &statement, nullptr), SQLITE_OK) << table.name;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      const std::string step = reinterpret_cast<const char*>(sqlite3_column_text(statement, 3));
      // The keys that wait to be moved are few (sqlite/webhook_keys.hpp).
      if (std::string_view(table.name) != "webhook_keys") { EXPECT_THAT(step, Not(HasSubstr("TEMP B-TREE"))) << table.name; }
      EXPECT_THAT(step, Not(HasSubstr("AUTOMATIC"))) << table.name;
    }
    sqlite3_finalize(statement);
  }
}

}  // namespace
}  // namespace tomada::store::testing
