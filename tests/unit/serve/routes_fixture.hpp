// The routes on the real store, vault and plugin files; only the syncs and the webhook intake are played.
#pragma once

#include "host/serve/routes.hpp"

#include "host/base/uuid.hpp"
#include "host/store/sqlite/open.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>

#include <unistd.h>

namespace tomada::serve {

using nlohmann::json;
namespace fs = std::filesystem;

class PlayedSyncing final : public sync::Syncing {
 public:
  explicit PlayedSyncing(store::Store& store) : store_(store) {}
  bool ok{true};
  Result<std::string> enqueue(runtime::Task& task, const store::Integration& integration, std::string_view type,
                              std::string_view mode) override {
    store::Sync sync;
    sync.sync_id = make_uuid_v7(task.clock().wall());
    sync.tenant_id = integration.tenant_id;
    sync.config_id = integration.config_id;
    sync.entity_type = type.empty() ? "*" : type;
    sync.mode = mode;
    sync.created_at_ms = task.clock().unix_ms();
    TOMADA_TRY(store_.syncs().enqueue(task, sync, make_uuid_v7(task.clock().wall())));
    return sync.sync_id;
  }
  Result<sync::TestOutcome> test_connection(runtime::Task& task, const store::Integration& integration) override {
    TOMADA_TRY(store_.integrations().set_health(task, integration.tenant_id, integration.config_id, ok ? "healthy" : "unhealthy",
                                                ok ? "connected" : "reconnect_needed"));
    return sync::TestOutcome{ok, std::chrono::milliseconds(12), ok ? "fine" : "wrong token", ok ? "" : "unauthenticated"};
  }

 private:
  store::Store& store_;
};

/// Answers what a test wants and keeps what it was asked.
class PlayedReceiving final : public webhook::Receiving {
 public:
  webhook::Response response{.status = 200, .content_type = "application/json", .body = R"({"success":true})"};
  Result<webhook::TestOutcome> tested{webhook::TestOutcome{.accepted = true, .webhook_id = "0000000000000001"}};
  std::vector<std::string> seen;       // "POST /webhooks/x?y from 10.0.0.1: body"
  std::vector<std::string> forgotten;
  std::string test_body;

  webhook::Response receive(runtime::Task&, std::string_view id, const webhook::Request& request) override {
    return keep("integration", id, request);
  }
  webhook::Response receive_for_app(runtime::Task&, std::string_view id, const webhook::Request& request) override {
    return keep("app", id, request);
  }
  Result<webhook::TestOutcome> test(runtime::Task&, const store::Integration&, std::string_view body_json) override {
    test_body = body_json;
    return tested;
  }
  void forget(std::string_view id) override { forgotten.emplace_back(id); }
  std::string url_of(std::string_view id) const override { return "https://hooks.test/webhooks/" + std::string(id); }
  std::string url_of_app(std::string_view id) const override { return "https://hooks.test/webhooks/apps/" + std::string(id); }

 private:
  webhook::Response keep(const char* what, std::string_view id, const webhook::Request& request) {
    seen.push_back(std::string(what) + " " + std::string(id) + ": " + std::string(request.method) + " " +
                   std::string(request.target) + " from " + std::string(request.source_ip) + ": " + std::string(request.body));
    return response;
  }
};

struct RoutesTest : testing::Test {
  static inline int count = 0;
  fs::path folder = fs::temp_directory_path() / ("tomada-routes-" + std::to_string(getpid()) + "-" + std::to_string(++count));
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  runtime::Metrics metrics;
  settings::Settings settings;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<credentials::Vault> vault;
  std::unique_ptr<plugin::Registry> registry;
  std::unique_ptr<PlayedSyncing> syncing;
  PlayedReceiving receiving;
  int kicks{0};
  std::unique_ptr<service::CallLayers> layers;
  std::unique_ptr<Router> router;
  std::string key;

  void SetUp() override {
    fs::create_directories(folder / "plugins");
    for (const char* plugin : {"example.so", "stripe.so"})
      fs::copy_file(fs::path(TOMADA_PLUGINS) / plugin, folder / "plugins" / plugin);
    auto opened = store::sqlite::open({.file = folder / "tomada.db"});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store = *std::move(opened);
    auto vault_opened = credentials::Vault::open(folder / "master.key", true, store->tenants());
    ASSERT_TRUE(vault_opened.has_value()) << vault_opened.error().message;
    vault = *std::move(vault_opened);
    auto scanned = plugin::Registry::scan(folder / "plugins", folder / "private");
    ASSERT_TRUE(scanned.has_value()) << scanned.error().message;
    registry = *std::move(scanned);
    const auto remembered = runtime::run(
        loop, [&](runtime::Task& task) { return registry->remember(task, {.plugins = store->plugins(), .metrics = metrics}); });
    ASSERT_TRUE(remembered.has_value()) << remembered.error().message;
    syncing = std::make_unique<PlayedSyncing>(*store);
    layers = std::make_unique<service::CallLayers>(*store, std::vector{&loop}, service::CallDefaults{});
    router = make_router({settings, *store, *vault, *registry, *syncing, receiving, *layers, [this] { ++kicks; }, metrics, clock,
                          clock.steady()});
    ASSERT_EQ(control("POST", "/control/tenants", {{"name", "demo"}}).status, 201);
    key = parse(control("POST", "/control/keys", {{"tenant", "demo"}, {"role", "admin"}}))["key"];
  }
  void TearDown() override {
    router.reset();
    layers.reset();
    vault.reset();
    store.reset();
    fs::remove_all(folder);
  }
  Answer send(Request request) {
    const std::size_t question = std::min(request.path.find('?'), request.path.size());
    if (question < request.path.size()) request.query = request.path.substr(question + 1);
    request.path.resize(question);
    return runtime::run(loop, [&](runtime::Task& task) { return router->answer(task, request); });
  }
  Answer ask(std::string method, std::string path, const json& body = nullptr) {
    Request request{.method = std::move(method), .path = std::move(path), .query = {}, .headers = {{"authorization", "Bearer " + key}}};
    if (!body.is_null()) request.body = body.dump();
    return send(std::move(request));
  }
  Answer control(std::string method, std::string path, const json& body = nullptr, Headers headers = {}) {
    Request request{.method = std::move(method), .path = std::move(path), .query = {}, .headers = std::move(headers)};
    if (!body.is_null()) request.body = body.dump();
    request.origin = Origin::control;
    return send(std::move(request));
  }
  static json parse(const Answer& answer) { return json::parse(answer.body); }
  /// Whatever it asks for.
  void allow(const std::string& plugin = "example", const std::string& tenant = "demo") {
    const Answer asked = control("GET", "/control/plugins/" + plugin + "/capabilities?tenant=" + tenant);
    ASSERT_EQ(asked.status, 200) << asked.body;
    const Answer done = control("POST", "/control/plugins/" + plugin + "/allow",
                                {{"tenant", tenant}, {"capabilities", parse(asked)["capabilities"]}});
    ASSERT_EQ(done.status, 200) << done.body;
  }
  static json nothing() { return {{"hosts", json::array()}, {"secrets", false}, {"storage", false}}; }
  static json good() {
    return {{"provider", "example"}, {"name", "mine"}, {"config", {{"base_url", "https://api.example.com"}}},
            {"credentials", {{"token", "hush-hush"}}}};
  }
  static json stripe() {
    return {{"provider", "stripe"}, {"credentials", {{"api_key", "sk_test_hush"}, {"webhook_secret", "whsec_one\nwhsec_two"}}}};
  }
  std::string create() { return create(good()); }
  std::string create(const json& body) {
    const Answer answer = ask("POST", "/v1/integrations", body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return parse(answer).value("id", "");
  }
};

}  // namespace tomada::serve
