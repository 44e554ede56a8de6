#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct RecordsTest : StoreTest {
  PageOutcome commit_all(std::vector<RecordChange> all) {
    return commit(store(), page_of(integration, std::move(all)));
  }
  std::vector<StoredRecord> all(std::string_view entity = {}) { return changes(store(), integration, entity); }
  StoredRecord only() {
    const auto records = all();
    EXPECT_EQ(records.size(), 1u);
    return records.empty() ? StoredRecord{} : records.front();
  }
  std::vector<std::string> order() {
    std::vector<std::string> ids;
    for (const StoredRecord& record : all()) ids.push_back(record.external_id);
    return ids;
  }
  /// A full run of one page, from start_entity to complete.
  PageOutcome full_run(const Sync& sync, std::vector<RecordChange> seen) {
    Page page = page_of(integration, std::move(seen));
    page.sync_id = sync.sync_id;
    page.generation = start_entity(sync);
    page.marks_seen = true;
    page.complete_since = "";
    return commit(store(), page);
  }
  std::int64_t start_entity(const Sync& sync) {
    return value_of(on_loop([&](Task& task) { return store().syncs().start_entity(task, sync, "object", 0); }));
  }
  Sync find(const Sync& sync) {
    auto found = value_of(on_loop([&](Task& task) {
      return store().syncs().find(task, sync.tenant_id, sync.sync_id);
    }));
    EXPECT_TRUE(found);
    return found ? *found : Sync{};
  }
};
TOMADA_STORE_SUITE(RecordsTest);

TEST_P(RecordsTest, ANewRecordKeepsEveryField) {
  const PageOutcome outcome = commit_all({upsert("a/ü", R"({"x":1})", 42)});
  EXPECT_EQ(outcome.changed_count, 1);
  const StoredRecord record = only();
  EXPECT_EQ(record.entity, "object");
  EXPECT_EQ(record.external_id, "a/ü");
  EXPECT_EQ(record.data_json, R"({"x":1})");
  EXPECT_EQ(record.updated_at_ms, 42);
  EXPECT_FALSE(record.deleted);
  EXPECT_EQ(record.version, 1);
  EXPECT_GT(record.sequence, 0);
  EXPECT_EQ(record.source, "sync");
}

TEST_P(RecordsTest, AnEqualRecordMakesNoChange) {
  commit_all({upsert("a", "{}")});
  const StoredRecord before = only();
  const PageOutcome outcome = commit_all({upsert("a", "{}")});
  EXPECT_EQ(outcome.unchanged_count, 1);
  EXPECT_EQ(outcome.changed_count, 0);
  EXPECT_EQ(only().sequence, before.sequence);
  EXPECT_EQ(only().version, 1);
}

TEST_P(RecordsTest, AChangeMovesTheRecordToTheEnd) {
  commit_all({upsert("a", "1"), upsert("b", "1"), upsert("c", "1")});
  const std::int64_t last = all().back().sequence;
  commit_all({upsert("a", "2")});
  EXPECT_EQ(order(), (std::vector<std::string>{"b", "c", "a"}));
  EXPECT_EQ(all().back().version, 2);
  EXPECT_GT(all().back().sequence, last);
  commit_all({upsert("a", "3")});  // the last one again: a reader at its old place must see it
  EXPECT_EQ(changes(store(), integration, {}, last + 1).size(), 1u);
}

TEST_P(RecordsTest, OlderNeverOverwritesNewer) {
  commit_all({upsert("a", R"("new")", 200)});
  EXPECT_EQ(commit_all({upsert("a", R"("old")", 100)}).unchanged_count, 1);
  EXPECT_EQ(commit_all({deletion("a", 100)}).unchanged_count, 1);
  EXPECT_EQ(only().data_json, R"("new")");
  EXPECT_FALSE(only().deleted);
  EXPECT_EQ(commit_all({upsert("a", R"("same time")", 200)}).changed_count, 1);
  EXPECT_EQ(commit_all({upsert("a", R"("unknown time")")}).changed_count, 1);
  EXPECT_EQ(commit_all({upsert("a", R"("old")", 100)}).unchanged_count, 1);
  EXPECT_EQ(only().data_json, R"("unknown time")");
}

TEST_P(RecordsTest, AnEqualRecordConfirmsItsTime) {
  commit_all({upsert("a", R"("x")", 100)});
  commit_all({upsert("a", R"("x")", 300)});
  EXPECT_EQ(commit_all({upsert("a", R"("between")", 200)}).unchanged_count, 1);
  EXPECT_EQ(only().data_json, R"("x")");
  EXPECT_EQ(only().version, 1);
}

TEST_P(RecordsTest, ADeletionIsATombstoneThatKeepsTheData) {
  commit_all({upsert("a", "1"), upsert("b", "1")});
  EXPECT_EQ(commit_all({deletion("a")}).deleted_count, 1);
  EXPECT_EQ(order(), (std::vector<std::string>{"b", "a"}));
  const StoredRecord gone = all().back();
  EXPECT_TRUE(gone.deleted);
  EXPECT_EQ(gone.data_json, "1");
  EXPECT_EQ(gone.version, 2);
  EXPECT_EQ(count(store(), integration), 1);
  EXPECT_EQ(commit_all({deletion("a"), deletion("never seen")}).unchanged_count, 2);
  EXPECT_EQ(all().size(), 2u);
}

TEST_P(RecordsTest, ATombstoneLivesAgainEvenWithTheSameData) {
  commit_all({upsert("a", "1")});
  commit_all({deletion("a")});
  EXPECT_EQ(commit_all({upsert("a", "1")}).changed_count, 1);
  EXPECT_FALSE(only().deleted);
  EXPECT_EQ(only().version, 3);
  EXPECT_EQ(count(store(), integration), 1);
}

TEST_P(RecordsTest, TheSameRecordTwiceInAPageEndsAsTheLastOne) {
  const PageOutcome outcome = commit_all({upsert("a", "1"), upsert("a", "2"), deletion("a"), upsert("a", "3")});
  EXPECT_EQ(outcome.changed_count, 3);
  EXPECT_EQ(outcome.deleted_count, 1);
  EXPECT_EQ(only().data_json, "3");
  EXPECT_EQ(only().version, 4);
  EXPECT_EQ(count(store(), integration), 1);
}

TEST_P(RecordsTest, ChangesComeInPagesOverAllEntitiesOrOne) {
  for (int i = 0; i < 10; ++i)
    commit_all({upsert("o" + std::to_string(i), "{}"), upsert("c" + std::to_string(i), "{}", 0, "contact")});
  std::vector<std::string> seen;
  std::int64_t after = 0;
  while (true) {
    const auto page = changes(store(), integration, {}, after, 3);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 3u);
    for (const StoredRecord& record : page) {
      EXPECT_GT(record.sequence, after);
      after = record.sequence;
      seen.push_back(record.external_id);
      EXPECT_EQ(record.entity, record.external_id[0] == 'c' ? "contact" : "object");
    }
  }
  ASSERT_EQ(seen.size(), 20u);
  EXPECT_EQ(seen[0], "o0");
  EXPECT_EQ(seen[1], "c0");
  EXPECT_EQ(seen[19], "c9");
  EXPECT_EQ(all("contact").size(), 10u);
  EXPECT_TRUE(all("nothing").empty());
  EXPECT_EQ(count(store(), integration), 20);
  EXPECT_EQ(count(store(), integration, "contact"), 10);
}

TEST_P(RecordsTest, AnotherTenantSeesAndChangesNothing) {
  commit_all({upsert("a", "1")});
  Integration foreign = integration;
  foreign.tenant_id = add_tenant(store(), "other").tenant_id;
  EXPECT_TRUE(changes(store(), foreign).empty());
  EXPECT_EQ(count(store(), foreign), 0);
  EXPECT_EQ(code_of(on_loop([&](Task& task) {
              return store().records().commit(task, page_of(foreign, {upsert("a", "2")}));
            })),
            Errc::not_found);
  EXPECT_EQ(only().data_json, "1");
}

TEST_P(RecordsTest, AFullRunDeletesWhatItDidNotSee) {
  const Sync sync = add_sync(store(), integration);
  commit_all({upsert("contact", "{}", 0, "contact")});
  full_run(sync, {upsert("a", "1"), upsert("b", "1"), upsert("c", "1")});
  const PageOutcome outcome = full_run(sync, {upsert("a", "1"), upsert("c", "2"), upsert("d", "1")});
  EXPECT_EQ(outcome.unchanged_count, 1);
  EXPECT_EQ(outcome.changed_count, 2);
  EXPECT_EQ(outcome.deleted_count, 1);
  EXPECT_EQ(count(store(), integration, "object"), 3);
  EXPECT_EQ(count(store(), integration, "contact"), 1);
  const auto records = all("object");
  EXPECT_TRUE(records.back().deleted);
  EXPECT_EQ(records.back().external_id, "b");
  EXPECT_EQ(full_run(sync, {upsert("a", "1"), upsert("c", "2"), upsert("d", "1")}).deleted_count, 0);
}

TEST_P(RecordsTest, AnIgnoredOlderRecordCountsAsSeen) {
  const Sync sync = add_sync(store(), integration);
  full_run(sync, {upsert("a", R"("new")", 200)});
  EXPECT_EQ(full_run(sync, {upsert("a", R"("old")", 100)}).deleted_count, 0);
  EXPECT_FALSE(only().deleted);
}

TEST_P(RecordsTest, AFullRunThatDoesNotCompleteDeletesNothing) {
  const Sync sync = add_sync(store(), integration);
  full_run(sync, {upsert("a", "1"), upsert("b", "1")});
  Page page = page_of(integration, {upsert("a", "1")});
  page.generation = start_entity(sync);
  page.marks_seen = true;
  commit(store(), page);
  EXPECT_EQ(count(store(), integration), 2);
}

TEST_P(RecordsTest, WhatAWebhookBringsDuringAFullRunSurvivesItsEnd) {
  const Sync sync = add_sync(store(), integration);
  Page run = page_of(integration, {upsert("a", "1")});
  run.generation = start_entity(sync);
  run.marks_seen = true;
  commit(store(), run);
  Page webhook = page_of(integration, {upsert("new", "1")});
  webhook.source = "webhook";
  commit(store(), webhook);
  run.changes.clear();
  run.complete_since = "";
  EXPECT_EQ(commit(store(), run).deleted_count, 0);
  EXPECT_EQ(count(store(), integration), 2);
  EXPECT_EQ(all().back().source, "webhook");
}

TEST_P(RecordsTest, AFullRunDeletesMoreThanOneBatch) {
  const Sync sync = add_sync(store(), integration);
  std::vector<RecordChange> many;
  for (int i = 0; i < 20'500; ++i) many.push_back(upsert("key" + std::to_string(i), "{}"));
  full_run(sync, many);
  EXPECT_EQ(full_run(sync, {upsert("key7", "{}")}).deleted_count, 20'499);
  EXPECT_EQ(count(store(), integration), 1);
}

TEST_P(RecordsTest, APageMovesTheCursorTheCountsAndSince) {
  const Sync sync = add_sync(store(), integration);
  Page page = page_of(integration, {upsert("a", "1"), upsert("b", "1")});
  page.sync_id = sync.sync_id;
  page.rejected_count = 3;
  page.cursor = "page 2";
  commit(store(), page);
  page.changes = {upsert("a", "1"), upsert("b", "2"), deletion("a")};
  page.rejected_count = 0;
  page.cursor = "page 3";
  page.complete_since = "2026-01-01";
  commit(store(), page);
  const Sync found = find(sync);
  EXPECT_EQ(found.cursor, "page 3");
  EXPECT_EQ(found.records_processed, 8);
  EXPECT_EQ(found.records_successful, 4);
  EXPECT_EQ(found.records_changed, 3);
  EXPECT_EQ(found.records_deleted, 1);
  EXPECT_EQ(found.records_failed, 3);
  EXPECT_EQ(value_of(on_loop([&](Task& task) {
              return store().syncs().since(task, tenant.tenant_id, integration.config_id, "object");
            })),
            "2026-01-01");
}

TEST_P(RecordsTest, AnOldFencingTokenIsRefusedAndNothingOfThePageStays) {
  const Sync sync = add_sync(store(), integration);
  const Job first = lease_one(store(), k_now_ms, 1000);
  const Job second = lease_one(store(), k_now_ms + 1000, 1000);
  EXPECT_GT(second.fencing_token, first.fencing_token);
  Page page = page_of(integration, {upsert("a", "1")});
  page.sync_id = sync.sync_id;
  page.cursor = "moved";
  page.fencing_token = first.fencing_token;
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().records().commit(task, page); })), Errc::conflict);
  EXPECT_TRUE(all().empty());
  EXPECT_EQ(find(sync).cursor, "");
  page.fencing_token = second.fencing_token;
  commit(store(), page);
  EXPECT_EQ(all().size(), 1u);
}

TEST_P(RecordsTest, APageOfAnUnknownSyncLeavesNothing) {
  Page page = page_of(integration, {upsert("a", "1")});
  page.sync_id = new_id();
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().records().commit(task, page); })), Errc::not_found);
  EXPECT_TRUE(all().empty());
  EXPECT_EQ(count(store(), integration), 0);
}

}  // namespace
}  // namespace tomada::store::testing
