#include "tests/support/store_fixture.hpp"

namespace tomada::store::testing {
namespace {

using runtime::Task;

struct SyncsTest : StoreTest {
  std::optional<Sync> find(std::string_view tenant_id, const Sync& sync) {
    return value_of(on_loop([&](Task& task) { return store().syncs().find(task, tenant_id, sync.sync_id); }));
  }
  Sync find(const Sync& sync) { return find(sync.tenant_id, sync).value_or(Sync{}); }
  void finish(const Job& job, const Sync& sync, std::string status) {
    JobOutcome outcome;
    outcome.sync_id = sync.sync_id;
    outcome.sync_status = std::move(status);
    outcome.now_ms = k_now_ms;
    value_of(on_loop([&](Task& task) { return store().jobs().finish(task, job, outcome); }));
  }
};
TOMADA_STORE_SUITE(SyncsTest);

TEST_P(SyncsTest, EnqueueAddsTheRunAndItsJob) {
  const Sync sync = add_sync(store(), integration);
  const Sync found = find(sync);
  EXPECT_EQ(found.operation_status, "pending");
  EXPECT_EQ(found.entity_type, "*");
  EXPECT_EQ(found.mode, "full");
  EXPECT_EQ(found.created_at_ms, k_now_ms);
  EXPECT_FALSE(found.started_at_ms);
  const Job job = lease_one(store());
  EXPECT_EQ(job.kind, "sync");
  EXPECT_EQ(job.payload_json, R"({"sync_id":")" + sync.sync_id + R"("})");
  EXPECT_EQ(job.config_id, integration.config_id);
  EXPECT_EQ(job.tenant_id, tenant.tenant_id);
}

TEST_P(SyncsTest, ASecondRunIsAConflictThatNamesTheFirst) {
  const Sync first = add_sync(store(), integration);
  Sync second = first;
  second.sync_id = new_id();
  auto enqueue = [&] {
    return on_loop([&](Task& task) { return store().syncs().enqueue(task, second, new_id()); });
  };
  const auto refused = enqueue();
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(refused.error().message, first.sync_id);
  EXPECT_EQ(value_of(on_loop([&](Task& task) { return store().jobs().counts(task); })).waiting, 1);
  finish(lease_one(store()), first, "completed");
  EXPECT_TRUE(enqueue().has_value());
}

TEST_P(SyncsTest, ARunOfAForeignIntegrationIsNotFound) {
  Sync sync;
  sync.sync_id = new_id();
  sync.tenant_id = add_tenant(store(), "other").tenant_id;
  sync.config_id = integration.config_id;
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().syncs().enqueue(task, sync, new_id()); })),
            Errc::not_found);
}

TEST_P(SyncsTest, ListsNewestFirstByStatusInPages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    const Sync sync = add_sync(store(), integration);
    ids.insert(ids.begin(), sync.sync_id);
    finish(lease_one(store()), sync, i == 1 ? "failed" : "completed");
  }
  auto list = [&](std::string_view status, std::string_view before, std::size_t limit) {
    std::vector<std::string> listed;
    for (const Sync& sync : value_of(on_loop([&](Task& task) {
           return store().syncs().list(task, tenant.tenant_id, integration.config_id, status, before, limit);
         })))
      listed.push_back(sync.sync_id);
    return listed;
  };
  EXPECT_EQ(list("", "", 10), ids);
  EXPECT_EQ(list("", "", 2), (std::vector<std::string>{ids[0], ids[1]}));
  EXPECT_EQ(list("", ids[1], 2), (std::vector<std::string>{ids[2], ids[3]}));
  EXPECT_EQ(list("failed", "", 10), (std::vector<std::string>{ids[2]}));
}

TEST_P(SyncsTest, AnotherTenantDoesNotFindIt) {
  const Sync sync = add_sync(store(), integration);
  EXPECT_FALSE(find(add_tenant(store(), "other").tenant_id, sync));
}

TEST_P(SyncsTest, StartSetsTheTimeOnce) {
  const Sync sync = add_sync(store(), integration);
  const Job job = lease_one(store());
  for (const std::int64_t now_ms : {k_now_ms, k_now_ms + 5})
    value_of(on_loop([&](Task& task) { return store().syncs().start(task, sync, job.fencing_token, now_ms); }));
  EXPECT_EQ(find(sync).operation_status, "processing");
  EXPECT_EQ(find(sync).started_at_ms, k_now_ms);
}

TEST_P(SyncsTest, EachStartOfAnEntityIsANewGenerationWithAnEmptyCursor) {
  const Sync sync = add_sync(store(), integration);
  const Job job = lease_one(store());
  auto start = [&](std::string_view entity) {
    return value_of(on_loop([&](Task& task) {
      return store().syncs().start_entity(task, sync, entity, job.fencing_token);
    }));
  };
  EXPECT_EQ(start("object"), 1);
  Page page = page_of(integration, {});
  page.sync_id = sync.sync_id;
  page.cursor = "c";
  commit(store(), page);
  EXPECT_EQ(find(sync).cursor, "c");
  EXPECT_EQ(start("object"), 2);
  EXPECT_EQ(find(sync).cursor, "");
  EXPECT_EQ(find(sync).generation, 2);
  EXPECT_EQ(start("contact"), 1);
  EXPECT_EQ(find(sync).current_entity, "contact");
}

TEST_P(SyncsTest, FinishedEntitiesAddUpOnce) {
  const Sync sync = add_sync(store(), integration);
  const Job job = lease_one(store());
  for (const char* entity : {"object", "b\"c", "object"})
    value_of(on_loop([&](Task& task) {
      return store().syncs().finish_entity(task, sync, entity, job.fencing_token);
    }));
  EXPECT_EQ(find(sync).entities_done, (std::vector<std::string>{"object", "b\"c"}));
}

TEST_P(SyncsTest, ALostLeaseMovesNothing) {
  const Sync sync = add_sync(store(), integration);
  const std::int64_t old_token = lease_one(store(), k_now_ms, 10).fencing_token;
  lease_one(store(), k_now_ms + 10, 10);
  EXPECT_EQ(code_of(on_loop([&](Task& task) { return store().syncs().start(task, sync, old_token, k_now_ms); })),
            Errc::conflict);
  EXPECT_EQ(code_of(on_loop([&](Task& task) {
              return store().syncs().start_entity(task, sync, "object", old_token);
            })),
            Errc::conflict);
  EXPECT_EQ(code_of(on_loop([&](Task& task) {
              return store().syncs().finish_entity(task, sync, "object", old_token);
            })),
            Errc::conflict);
  EXPECT_EQ(find(sync).operation_status, "pending");
  EXPECT_TRUE(find(sync).entities_done.empty());
}

TEST_P(SyncsTest, ProgressIsKept) {
  const Sync sync = add_sync(store(), integration);
  value_of(on_loop([&](Task& task) { return store().syncs().set_progress(task, sync, 3, 10); }));
  EXPECT_EQ(find(sync).progress_current, 3);
  EXPECT_EQ(find(sync).progress_total, 10);
}

TEST_P(SyncsTest, SinceIsEmptyTheFirstTime) {
  EXPECT_EQ(value_of(on_loop([&](Task& task) {
              return store().syncs().since(task, tenant.tenant_id, integration.config_id, "object");
            })),
            "");
}

}  // namespace
}  // namespace tomada::store::testing
