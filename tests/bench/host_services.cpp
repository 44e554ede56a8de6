#include "tests/bench/host_services.hpp"

#include "host/base/uuid.hpp"
#include "host/credentials/vault.hpp"
#include "host/http/curl_client.hpp"
#include "host/service/call_services.hpp"
#include "host/store/sqlite/open.hpp"
#include "tests/bench/bench_plugin.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

namespace tomada::bench {
namespace {

namespace fs = std::filesystem;

/// Removed with everything in it.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "tomada-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) give_up("no temporary folder can be made");
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

}  // namespace

struct HostServices::Impl {
  Folder folder;
  const abi::Manifest& manifest;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<credentials::Vault> vault;
  runtime::Metrics metrics;
  store::Integration integration;
  std::unique_ptr<service::CallLayers> layers;
  std::unique_ptr<service::Environment> environment;

  explicit Impl(const abi::Manifest& of) : manifest(of) {}

  Result<void> fill(runtime::Task& task, const std::string& base_url) {
    const std::string tenant_id = make_uuid_v7(task.clock().wall());
    TOMADA_TRY(store->tenants().create(task, {.tenant_id = tenant_id, .name = "bench"}));
    integration.config_id = make_uuid_v7(task.clock().wall());
    integration.tenant_id = tenant_id;
    integration.integration_name = "bench";
    integration.provider_name = manifest.id;
    integration.config_json = nlohmann::json{{"base_url", base_url}}.dump();
    TOMADA_TRY_ASSIGN(integration.sealed_credentials, vault->seal(task, tenant_id, integration.config_id,
                                                                  {{"token", "0123456789abcdef0123456789abcdef"}}));
    return store->integrations().create(task, integration);
  }
};

HostServices::HostServices(runtime::Loop& loop, const abi::Manifest& manifest, std::string base_url)
    : impl_(std::make_unique<Impl>(manifest)) {
  spdlog::set_level(spdlog::level::warn);
  impl_->store = expect(store::sqlite::open({.file = impl_->folder.path / "bench.db"}), "the store");
  impl_->vault = expect(credentials::Vault::open(impl_->folder.path / "master.key", true, impl_->store->tenants()),
                        "the vault");
  expect(runtime::run(loop, [&](runtime::Task& task) { return impl_->fill(task, base_url); }), "the integration");
  impl_->layers.reset(new service::CallLayers(*impl_->store, {&loop}, {}));
  impl_->environment.reset(new service::Environment{*impl_->store, *impl_->vault, impl_->metrics, *impl_->layers, {}});
  impl_->environment->http_clients.push_back(http::make_curl_client(loop, {.allow_private = {"127.0.0.1"}}));
}

HostServices::~HostServices() = default;

std::unique_ptr<abi::Services> HostServices::make(runtime::Task& task) {
  return expect(service::make_call_services(task, *impl_->environment, impl_->integration, impl_->manifest, nullptr),
                "the services of a call");
}

}  // namespace tomada::bench
