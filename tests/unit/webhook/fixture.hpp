// One host without a network: a real store, a plugin whose code each test writes, one loop that the test drives, and a
// clock that stands still.
#pragma once

#include "host/plugin/calls.hpp"
#include "host/store/sqlite/open.hpp"
#include "host/webhook/worker.hpp"
#include "tests/support/abi_test_plugins.hpp"
#include "tests/support/store_fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tomada::webhook {

namespace fs = std::filesystem;
using runtime::Task;
using store::testing::value_of;

struct WebhookTest : testing::Test {
  abi::PluginCode code;
  runtime::ManualClock clock;
  store::testing::TempFolder folder;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<credentials::Vault> vault;
  std::unique_ptr<plugin::Registry> registry;
  runtime::Metrics metrics;
  runtime::Loops loops{clock, 1};  // not started: run() drives the one loop
  runtime::Loop& loop{loops.at(0)};
  std::unique_ptr<plugin::Calls> calls;
  std::unique_ptr<service::CallLayers> layers;
  std::unique_ptr<service::Environment> environment;
  std::size_t intake_waiting{0};
  store::Integration integration;

  /// Runs `fn(task)` to its end; `between` whenever nothing is ready, for a clock that must move.
  template <class F>
  auto run(F fn, const std::function<void()>& between = {}) {
    std::optional<std::invoke_result_t<F&, Task&>> value;
    runtime::spawn("test", loop, runtime::Deadline::never(), [&](Task& task) { value.emplace(fn(task)); },
                   runtime::k_stack_bytes_max);
    while (!value) {
      if (loop.run_ready()) continue;
      if (between) between();
      std::this_thread::yield();  // the store's threads work
    }
    while (loop.run_ready()) {
    }
    return std::move(*value);
  }

  void SetUp() override {
    store = value_of(store::sqlite::open({.file = folder.path() / "tomada.db"}));
    vault = value_of(credentials::Vault::open(folder.path() / "master.key", true, store->tenants()));
    fs::create_directory(folder.path() / "plugins");
    for (const std::string name : {"trampoline_webhook", "trampoline_inline"}) {
      const fs::path file = folder.path() / "plugins" / (name + ".so");
      fs::copy_file(abi::test_plugin(name), file);
      fs::permissions(file, fs::perms(0644));
    }
    registry = value_of(plugin::Registry::scan(folder.path() / "plugins", folder.path() / "copies"));
    run([&](Task& task) { return value_of(registry->remember(task, {.plugins = store->plugins(), .metrics = metrics})), 0; });
    calls = std::make_unique<plugin::Calls>(loops, *registry, metrics, plugin::CallsOptions{.where = {.in_process = true}});
    layers.reset(new service::CallLayers(*store, {&loop}, {}));
    environment.reset(new service::Environment{*store, *vault, metrics, *layers, {}});
    integration = add_integration("trampoline-webhook");
  }
  void TearDown() override {
    while (loop.run_ready()) {
    }
    calls.reset();
  }

  store::Integration add_integration(const std::string& provider, const std::string& secret = "s3cret") {
    const store::Tenant tenant = store::testing::add_tenant(*store, "tenant " + store::testing::new_id());
    store::Integration added = store::testing::add_integration(*store, tenant.tenant_id, provider);
    if (const auto release = registry->find(provider)) run([&](Task& task) {
      return value_of(registry->allow(task, {.plugin_id = provider, .tenant_id = tenant.tenant_id, .version = {},
                                             .seen = plugin::asked_by(*release->manifest), .approved_by = "test"}));
    });
    added.config_json = code.config();
    added.sealed_credentials = run([&](Task& task) {
      return value_of(vault->seal(task, added.tenant_id, added.config_id, {{"webhook_secret", secret}}));
    });
    update(added);
    return find(added);
  }
  void update(const store::Integration& changed) {
    run([&](Task& task) { return value_of(store->integrations().update(task, changed)), 0; });
  }
  store::Integration find(const store::Integration& of) {
    return *run([&](Task& task) {
      return value_of(store->integrations().find(task, of.tenant_id, of.config_id));
    });
  }

  std::int64_t accept(const std::string& event_id, const std::string& subject = {}, const std::string& body = "{}") {
    store::NewWebhook event;
    event.webhook_id = store::make_webhook_id(clock.unix_ms());
    event.tenant_id = integration.tenant_id;
    event.config_id = integration.config_id;
    event.event_id = event_id;
    event.event_type = "made";
    event.subject = subject;
    event.headers = "X-One: 1\n";
    event.body = body;
    event.received_at_ms = event.next_processing_at_ms = clock.unix_ms();
    return run([&](Task& task) {
      return value_of(store->webhooks().accept(task, {&event, 1})).events.at(0).webhook_id;
    });
  }
  store::Webhook event(std::int64_t webhook_id) {
    return *run([&](Task& task) {
      return value_of(store->webhooks().find(task, integration.tenant_id, integration.config_id, webhook_id));
    });
  }
  std::vector<store::WebhookAttempt> attempts(std::int64_t webhook_id) {
    return run([&](Task& task) {
      return value_of(store->webhooks().attempts(task, integration.tenant_id, integration.config_id, webhook_id));
    });
  }
  std::vector<store::StoredRecord> records() { return store::testing::changes(*store, integration); }

  Worker worker(WorkerOptions options = {}) {
    return Worker(*store, *registry, *calls, *environment, metrics, [this] { return intake_waiting; }, options);
  }
  /// Leases the job that is due, runs it and keeps its end. nullopt: none was due.
  std::optional<store::JobOutcome> work(WorkerOptions options = {}, const std::function<void()>& between = {},
                                        const std::function<void(Task&)>& begun = {}) {
    Worker working = worker(options);
    return run([&](Task& task) -> std::optional<store::JobOutcome> {
      auto jobs = value_of(store->jobs().lease(task, clock.unix_ms(), 60'000, 1));
      if (jobs.empty()) return std::nullopt;
      if (begun) begun(task);
      store::JobOutcome outcome = working.run(task, jobs.front());
      outcome.now_ms = clock.unix_ms();
      value_of(store->jobs().finish(task, jobs.front(), outcome));
      return outcome;
    }, between);
  }

  static const tomada_records_service& records_of(const tomada_host& host) {
    return abi::service<tomada_records_service>(host, TOMADA_RECORDS_ID);
  }
  static tomada_status upsert(const tomada_host& host, tomada_call call, std::string_view id, std::string_view data) {
    tomada_record record{};
    record.struct_size = sizeof record;
    record.external_id = abi::text(id);
    record.data_json = abi::text(data);
    return records_of(host).upsert(call, abi::text("thing"), &record);
  }
  static std::string_view view(tomada_slice slice) { return {slice.ptr, slice.len}; }
};

}  // namespace tomada::webhook
