// The whole program in one place: every part is built here, in order, and handed what it needs. Read from the top it
// says what a host is made of; read from the bottom, how it ends.
#include "host/cli/cli.hpp"
#include "host/check/child.hpp"
#include "host/credentials/vault.hpp"
#include "host/http/curl_client.hpp"
#include "host/jobs/runner.hpp"
#include "host/plugin/calls.hpp"
#include "host/plugin/probe.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/loop.hpp"
#include "host/runtime/metrics.hpp"
#include "host/serve/routes.hpp"
#include "host/serve/server.hpp"
#include "host/service/call_services.hpp"
#include "host/settings/load.hpp"
#include "host/store/open.hpp"
#include "host/sync/engine.hpp"
#include "host/webhook/receiver.hpp"
#include "host/webhook/retention.hpp"
#include "host/webhook/worker.hpp"

#include <spdlog/spdlog.h>
#include <tomada/plugin.h>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace tomada {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// 0700: keys, credentials and the control socket live there. One of another user is left alone: root's files in it would keep
/// the service, which is that user, from its own data.
Result<void> make_private_dir(const fs::path& dir) {
  std::error_code error;
  const bool made = fs::create_directories(dir, error);
  if (!error && made) fs::permissions(dir, fs::perms::owner_all, error);
  if (error) return fail(Errc::unavailable, "cannot make the directory " + dir.string() + ": " + error.message());
  struct stat status{};
  if (::stat(dir.c_str(), &status) != 0 || status.st_uid == ::geteuid()) return {};
  const passwd* const owner = ::getpwuid(status.st_uid);
  const std::string name = owner != nullptr ? owner->pw_name : std::to_string(status.st_uid);
  return fail(Errc::unavailable, "the data directory " + dir.string() + " belongs to the user " + name +
                                     ", and no host of theirs runs on it; start theirs, or use: runuser -u " + name + " -- tomada ...");
}

std::size_t threads_of(const settings::Settings& settings) {
  if (settings.threads > 0) return static_cast<std::size_t>(settings.threads);
  return std::max(1u, std::thread::hardware_concurrency());
}

std::vector<std::unique_ptr<http::Client>> make_clients(runtime::Loops& loops, const settings::Settings& settings) {
  const http::CurlOptions options{.ca_file = settings.http.ca_file,
                                  .allow_private = settings.http.allow_private,
                                  .connections_max = static_cast<std::size_t>(settings.http.connections_max),
                                  .connect_timeout = milliseconds(settings.http.connect_timeout_ms)};
  std::vector<std::unique_ptr<http::Client>> clients;
  for (std::size_t i = 0; i < loops.count(); ++i) clients.push_back(http::make_curl_client(loops.at(i), options));
  return clients;
}

/// "provider=number" each.
Result<std::map<std::string, std::int64_t, std::less<>>> amounts_of(const std::vector<std::string>& list, const char* key) {
  std::map<std::string, std::int64_t, std::less<>> amounts;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::size_t at = list[i].find('=');
    std::int64_t amount = 0;
    const char* const end = list[i].data() + list[i].size();
    const auto [rest, error] = std::from_chars(list[i].data() + (at == std::string::npos ? list[i].size() : at + 1), end, amount);
    if (error != std::errc{} || rest != end || amount < 1 || amount > 1'000'000'000 || !abi::is_plugin_id(list[i].substr(0, at)))
      return fail(Errc::invalid_config, std::string(key) + "[" + std::to_string(i) + "]: \"" + list[i] +
                                            "\" must be PROVIDER=NUMBER, such as hubspot=600, the number from 1 to 1000000000");
    amounts[list[i].substr(0, at)] = amount;
  }
  return amounts;
}

Result<service::CallDefaults> call_defaults(const settings::Settings& settings) {
  const auto& calls = settings.calls;
  service::CallDefaults defaults;
  TOMADA_TRY_ASSIGN(defaults.rate_limit_per_minute, amounts_of(calls.rate_limit_per_minute, "calls.rate_limit_per_minute"));
  TOMADA_TRY_ASSIGN(defaults.rate_limit_per_hour, amounts_of(calls.rate_limit_per_hour, "calls.rate_limit_per_hour"));
  defaults.timeout = std::chrono::seconds(calls.timeout_seconds);
  defaults.retry = {.retries_max = static_cast<std::size_t>(calls.retry_attempts), .backoff = milliseconds(calls.retry_backoff_ms)};
  defaults.breaker = {.enabled = calls.circuit_breaker_threshold > 0,
                      .threshold = calls.circuit_breaker_threshold,
                      .timeout = milliseconds(calls.circuit_breaker_timeout_ms)};
  return defaults;
}

std::vector<runtime::Loop*> all_of(runtime::Loops& loops) {
  std::vector<runtime::Loop*> all;
  for (std::size_t i = 0; i < loops.count(); ++i) all.push_back(&loops.at(i));
  return all;
}

plugin::RegistryOptions where_plugins_run(const settings::Settings& settings) {
  return {.in_process = settings.plugins.isolation == "in_process", .in_process_plugins = settings.plugins.in_process};
}

plugin::TrustOptions whose_plugins(const settings::Settings& settings) {
  return {.signature_required = settings.plugins.signatures == "required",
          .keys_dir = settings.plugins.trusted_keys_dir,
          .sha256 = settings.plugins.sha256};
}

std::string public_url_of(const settings::Settings& settings) {
  std::string url = settings.webhooks.public_url.empty() ? "http://" + settings.listen : settings.webhooks.public_url;
  while (url.ends_with('/')) url.pop_back();
  return url;
}

/// All parts of a running host but its listeners. Members stand in the order they depend on each other, so that
/// destruction takes them down in reverse; stop() has ended every task before that.
class Host final {
 public:
  static Result<std::unique_ptr<Host>> open(const settings::Settings& settings) {
    const fs::path data_dir = settings.data_dir;
    TOMADA_TRY_ASSIGN(auto defaults, call_defaults(settings));
    TOMADA_TRY(make_private_dir(data_dir));
    TOMADA_TRY_ASSIGN(auto store, store::open({
                                      .url = settings.store.url,
                                      .data_dir = data_dir,
                                      .connections_max = static_cast<std::size_t>(settings.store.connections_max),
                                      .readers_count = static_cast<std::size_t>(settings.store.readers_count),
                                      .wal_bytes_max = static_cast<std::size_t>(settings.store.wal_bytes_max),
                                  }));
    TOMADA_TRY_ASSIGN(auto vault, credentials::Vault::open(data_dir / "master.key", true, store->tenants()));
    TOMADA_TRY_ASSIGN(auto registry, plugin::Registry::scan(settings.plugin_dir, data_dir / "plugins",
                                                            where_plugins_run(settings), whose_plugins(settings)));
    return std::unique_ptr<Host>(new Host(settings, std::move(defaults), std::move(store), std::move(vault), std::move(registry)));
  }

  ~Host() { stop(); }

  /// Requests can be answered from now on, unless credentials could not be opened.
  Result<void> start() {
    loops_.start();
    return in_task([this](runtime::Task& task) -> Result<void> {
      TOMADA_TRY(vault_->check(task));
      return registry_->remember(task, {.plugins = store_->plugins(),
                                        .metrics = metrics_,
                                        .probe = plugin::make_worker_probe(worker_options(), metrics_, where_plugins_run(settings_)),
                                        .changed = [this] { receiver_.forget({}); },
                                        .released = [this](const std::string& plugin_id) { calls_.forget_crashes(plugin_id); }});
    });
  }

  /// Jobs run from now on; what an earlier process had in hand comes first.
  Result<void> start_jobs() {
    TOMADA_TRY_ASSIGN(const std::int64_t released_count, in_task([this](runtime::Task& task) {
                        return store_->jobs().release_all(task, clock_.unix_ms());
                      }));
    if (released_count > 0) spdlog::info("{} jobs of an earlier run go on from their last checkpoint", released_count);
    store_->watch_jobs([this] { runner_.kick(); });
    runner_.start();
    retention_.start();
    layers_.tracking.start();
    registry_->watch(loops_.at(0));
    return {};
  }

  /// Takes no more work, cancels what runs, waits until every task has ended.
  void stop() {
    store_->watch_jobs({});
    runner_.drain();
    loops_.stop();
  }

  /// Runs `fn(task)` on a loop and waits for its result, from a thread that is no loop's.
  template <class F>
  std::invoke_result_t<F&, runtime::Task&> in_task(F fn) {
    std::promise<std::invoke_result_t<F&, runtime::Task&>> result;
    runtime::Loop& loop = loops_.at(0);
    loop.post([&] {
      runtime::spawn("main", loop, runtime::Deadline::never(),
                     [&](runtime::Task& task) { result.set_value(fn(task)); }, serve::k_handler_stack_bytes);
    });
    return result.get_future().get();
  }

  serve::Answer answer(runtime::Task& task, const serve::Request& request) { return router_->answer(task, request); }
  runtime::Loops& loops() { return loops_; }
  /// The listener has its port: that is the address of webhooks unless another is configured.
  void listens_at(const std::string& address) {
    if (settings_.webhooks.public_url.empty()) receiver_.set_public_url("http://" + address);
  }

 private:
  Host(const settings::Settings& settings, service::CallDefaults defaults, std::unique_ptr<store::Store> store,
       std::unique_ptr<credentials::Vault> vault, std::unique_ptr<plugin::Registry> registry)
      : settings_(settings), store_(std::move(store)), vault_(std::move(vault)), registry_(std::move(registry)),
        loops_(clock_, threads_of(settings_)), calls_(loops_, *registry_, metrics_, calls_options()),
        layers_(*store_, all_of(loops_), std::move(defaults)),
        environment_{*store_, *vault_, metrics_, layers_, make_clients(loops_, settings_)},
        runner_(loops_.at(0), store_->jobs(),
                {.running_max = static_cast<std::size_t>(settings_.jobs.running_max),
                 .lease = milliseconds(settings_.jobs.lease_ms),
                 .attempts_max = settings_.jobs.attempts_max}),
        syncs_(*store_, *registry_, calls_, environment_, runner_, metrics_,
               {.call_timeout = std::chrono::seconds(settings_.sync.call_timeout_seconds)}),
        receiver_(loops_, *store_, *vault_, *registry_, calls_, environment_, runner_, metrics_,
                  {.public_url = public_url_of(settings_),
                   .waiting_max = static_cast<std::size_t>(settings_.webhooks.waiting_max),
                   .rejected_max = static_cast<std::size_t>(settings_.webhooks.rejected_max)}),
        worker_(*store_, *registry_, calls_, environment_, metrics_, [this] { return receiver_.waiting_count(); },
                {.running_max = static_cast<std::size_t>(settings_.webhooks.running_max),
                 .call_timeout = std::chrono::seconds(settings_.webhooks.call_timeout_seconds)}),
        retention_(loops_.at(0), store_->webhooks(),
                   {.finished_for = std::chrono::hours(24 * settings_.webhooks.retention_days),
                    .failed_for = std::chrono::hours(24 * settings_.webhooks.failed_retention_days),
                    .payload_bytes_max = settings_.webhooks.payload_bytes_max}),
        router_(serve::make_router({.settings = settings_,
                                    .store = *store_,
                                    .vault = *vault_,
                                    .registry = *registry_,
                                    .syncing = syncs_,
                                    .webhooks = receiver_,
                                    .layers = layers_,
                                    .kick_jobs = [this] { runner_.kick(); },
                                    .metrics = metrics_,
                                    .clock = clock_,
                                    .started_at = clock_.steady()})) {
    runner_.handle("sync", [this](runtime::Task& task, const store::Job& job) { return syncs_.run(task, job); });
    runner_.handle("webhook", [this](runtime::Task& task, const store::Job& job) { return worker_.run(task, job); });
  }

  plugin::CallsOptions calls_options() {
    return {.where = where_plugins_run(settings_),
            .workers = worker_options(),
            .pause = [this](runtime::Task& task, const store::Integration& integration, const std::string& reason) {
              pause(task, integration, reason);
            },
            .quarantine = [this](const store::PluginQuarantine& quarantine) { put_into_quarantine(quarantine); }};
  }

  plugin::WorkerOptions worker_options() const {
    const auto& chosen = settings_.plugins;
    return {.program = worker::program_beside_this_one(),
            .per_tenant = chosen.worker_per == "tenant",
            .memory_bytes_max = static_cast<std::uint64_t>(chosen.worker_memory_bytes_max),
            .threads_max = static_cast<std::uint64_t>(chosen.worker_threads_max),
            .idle = std::chrono::seconds(chosen.worker_idle_seconds)};
  }

  /// From any loop; the store is written by a task of its own.
  void put_into_quarantine(const store::PluginQuarantine& quarantine) {
    loops_.at(0).post([this, quarantine] {
      runtime::spawn("plugin.quarantine", loops_.at(0), runtime::Deadline::never(), [this, quarantine](runtime::Task& task) {
        if (const auto kept = registry_->quarantine(task, quarantine); kept.has_error())
          spdlog::error("plugin {}: its quarantine is not written down: {}", quarantine.plugin_id, kept.error().message);
      });
    });
  }

  /// A job that only crashes its worker is not tried again, and neither is anything else of its integration until an
  /// operator enables it.
  void pause(runtime::Task& task, const store::Integration& integration, const std::string& reason) {
    spdlog::error("plugin={} tenant={} integration={}: paused, because {}", integration.provider_name,
                  integration.tenant_id, integration.config_id, reason);
    auto current = store_->integrations().find(task, integration.tenant_id, integration.config_id);
    if (current.has_error() || !*current) return;
    store::Integration paused = **std::move(current);
    paused.is_enabled = false;
    paused.connection_status = "error";
    if (const auto updated = store_->integrations().update(task, paused); updated.has_error())
      spdlog::error("integration={}: could not be paused: {}", integration.config_id, updated.error().message);
    receiver_.forget(integration.config_id);
  }

  const settings::Settings settings_;
  runtime::SystemClock clock_;
  runtime::Metrics metrics_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<credentials::Vault> vault_;
  std::unique_ptr<plugin::Registry> registry_;
  runtime::Loops loops_;
  plugin::Calls calls_;
  service::CallLayers layers_;
  service::Environment environment_;
  jobs::Runner runner_;
  sync::Engine syncs_;
  webhook::Receiver receiver_;
  webhook::Worker worker_;
  webhook::Retention retention_;
  std::unique_ptr<serve::Router> router_;
};

/// The commands' way in when no host runs: the same requests, answered by a host inside this process.
class LocalControl final : public cli::Control {
 public:
  explicit LocalControl(std::unique_ptr<Host> host) : host_(std::move(host)) {}
  Result<serve::Answer> call(const serve::Request& request) override {
    return host_->in_task([&](runtime::Task& task) { return host_->answer(task, request); });
  }

 private:
  std::unique_ptr<Host> host_;
};

Result<std::unique_ptr<cli::Control>> open_local(const settings::Settings& settings) {
  TOMADA_TRY_ASSIGN(auto host, Host::open(settings));
  TOMADA_TRY(host->start());
  TOMADA_TRY(host->start_jobs());
  return std::unique_ptr<cli::Control>(std::make_unique<LocalControl>(std::move(host)));
}

/// SIGINT and SIGTERM are read by main, never handled in the middle of something.
sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

Result<void> serve_until_signal(const settings::Settings& settings) {
  const sigset_t signals = block_stop_signals();  // before any thread starts, so that all inherit it
  TOMADA_TRY_ASSIGN(const auto address, settings::parse_listen(settings.listen));
  TOMADA_TRY_ASSIGN(auto host, Host::open(settings));
  serve::Server server(host->loops(),
                       [&host](runtime::Task& task, const serve::Request& request) { return host->answer(task, request); },
                       {.header_bytes_max = static_cast<std::size_t>(settings.api.header_bytes_max),
                        .body_bytes_max = static_cast<std::size_t>(settings.api.body_bytes_max),
                        .connections_max = static_cast<std::size_t>(settings.api.connections_max),
                        .idle_timeout = milliseconds(settings.api.idle_timeout_ms),
                        .request_timeout = milliseconds(settings.api.request_timeout_ms)});
  Result<void> listening = host->start();
  if (listening.has_value()) listening = server.listen(address);
  if (listening.has_value()) host->listens_at(server.address());
  if (listening.has_value()) listening = server.listen_control(fs::path(settings.data_dir) / "control.sock");
  if (listening.has_value()) listening = host->start_jobs();
  if (listening.has_value()) {
    spdlog::info("tomada {} listens on http://{} (data in {})", TOMADA_VERSION, server.address(), settings.data_dir);
    int received = 0;
    sigwait(&signals, &received);
    spdlog::info("stopping on {}", received == SIGINT ? "SIGINT" : "SIGTERM");
  }
  server.stop();
  host->stop();  // sessions and jobs end while server and host are whole
  return listening;
}

}  // namespace
}  // namespace tomada

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a peer that closes is an error of that write, not the end of the host
  if (argc == 2 && std::string_view(argv[1]) == tomada::check::k_child_word) return tomada::check::child_main();
  return tomada::cli::run(argc, argv, {.serve = tomada::serve_until_signal, .open_local = tomada::open_local});
}
