#include "tests/support/store_fixture.hpp"

#include <stdlib.h>

namespace tomada::store::testing {

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tomada-store-XXXXXX").string();
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string new_id() { return make_uuid_v7(std::chrono::system_clock::now()); }

Tenant add_tenant(Store& store, std::string name) {
  const Tenant tenant{.tenant_id = new_id(), .name = std::move(name), .created_at_ms = k_now_ms};
  value_of(on_loop([&](runtime::Task& task) { return store.tenants().create(task, tenant); }));
  return tenant;
}

Integration add_integration(Store& store, const std::string& tenant_id, std::string provider) {
  Integration integration;
  integration.config_id = new_id();
  integration.tenant_id = tenant_id;
  integration.integration_name = "one";
  integration.provider_name = std::move(provider);
  integration.config_json = "{}";
  integration.created_at_ms = integration.updated_at_ms = k_now_ms;
  value_of(on_loop([&](runtime::Task& task) { return store.integrations().create(task, integration); }));
  return integration;
}

Sync add_sync(Store& store, const Integration& integration) {
  Sync sync;
  sync.sync_id = new_id();
  sync.tenant_id = integration.tenant_id;
  sync.config_id = integration.config_id;
  sync.entity_type = "*";
  sync.mode = "full";
  sync.created_at_ms = k_now_ms;
  value_of(on_loop([&](runtime::Task& task) { return store.syncs().enqueue(task, sync, new_id()); }));
  return sync;
}

Job lease_one(Store& store, std::int64_t now_ms, std::int64_t lease_ms) {
  auto jobs = value_of(on_loop([&](runtime::Task& task) { return store.jobs().lease(task, now_ms, lease_ms, 1); }));
  EXPECT_EQ(jobs.size(), 1u);
  return jobs.empty() ? Job{} : jobs.front();
}

PageOutcome commit(Store& store, const Page& page) {
  return value_of(on_loop([&](runtime::Task& task) { return store.records().commit(task, page); }));
}

std::vector<StoredRecord> changes(Store& store, const Integration& integration, std::string_view entity,
                                  std::int64_t after_sequence, std::size_t limit) {
  return value_of(on_loop([&](runtime::Task& task) {
    return store.records().changes(task, integration.tenant_id, integration.config_id, entity, after_sequence, limit);
  }));
}

std::int64_t count(Store& store, const Integration& integration, std::string_view entity) {
  return value_of(on_loop([&](runtime::Task& task) {
    return store.records().count(task, integration.tenant_id, integration.config_id, entity);
  }));
}

NewWebhook new_webhook(const Integration& integration, std::string event_id, std::string subject,
                       std::int64_t received_at_ms) {
  NewWebhook event;
  event.webhook_id = make_webhook_id(received_at_ms);
  event.tenant_id = integration.tenant_id;
  event.config_id = integration.config_id;
  event.event_id = std::move(event_id);
  event.event_type = "thing.changed";
  event.subject = std::move(subject);
  event.headers = "Content-Type: application/json\n";
  event.body = R"({"a":1})";
  event.source_ip = "192.0.2.1";
  event.received_at_ms = event.next_processing_at_ms = received_at_ms;
  return event;
}

AcceptedWebhook accept(Store& store, const NewWebhook& event) {
  auto acceptance = value_of(on_loop([&](runtime::Task& task) { return store.webhooks().accept(task, {&event, 1}); }));
  EXPECT_EQ(acceptance.events.size(), 1u);
  return acceptance.events.empty() ? AcceptedWebhook{} : acceptance.events.front();
}

App add_app(Store& store, const std::string& tenant_id, bool is_shared) {
  App app;
  app.app_id = new_id();
  app.tenant_id = tenant_id;
  app.app_name = "our app";
  app.provider_name = "hubspot";
  app.sealed_credentials = std::string("\0\x02", 2);
  app.is_shared = is_shared;
  app.created_at_ms = app.updated_at_ms = k_now_ms;
  value_of(on_loop([&](runtime::Task& task) { return store.apps().create(task, app); }));
  return app;
}

RecordChange upsert(std::string external_id, std::string data_json, std::int64_t updated_at_ms, std::string entity) {
  return {.entity = std::move(entity),
          .external_id = std::move(external_id),
          .data_json = std::move(data_json),
          .updated_at_ms = updated_at_ms};
}

RecordChange deletion(std::string external_id, std::int64_t updated_at_ms, std::string entity) {
  return {.entity = std::move(entity),
          .external_id = std::move(external_id),
          .data_json = {},
          .updated_at_ms = updated_at_ms,
          .deleted = true};
}

Page page_of(const Integration& integration, std::vector<RecordChange> changes) {
  Page page;
  page.tenant_id = integration.tenant_id;
  page.config_id = integration.config_id;
  page.plugin_version = "1.0.0";
  page.entity = "object";
  page.changes = std::move(changes);
  page.now_ms = k_now_ms;
  return page;
}

void StoreTest::SetUp() {
  auto opened = GetParam().open(folder.path());
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  opened_ = *std::move(opened);
  tenant = add_tenant(store(), "acme");
  integration = add_integration(store(), tenant.tenant_id);
}

}  // namespace tomada::store::testing
