#include "host/service/call_services.hpp"

#include "host/credentials/signing.hpp"
#include "host/http/redirects.hpp"
#include "host/service/allowed_hosts.hpp"
#include "host/service/record_page.hpp"
#include "host/service/redactor.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace tomada::service {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds k_request_timeout{30'000};
constexpr milliseconds k_progress_interval{250};  // between two rows written only for watchers
constexpr std::size_t k_log_lines_max = 1'000;
constexpr std::size_t k_log_bytes_max = 4'096;

/// One request of a plugin: forwards, and counts what it did.
class CallExchange final : public abi::HttpExchange {
 public:
  CallExchange(runtime::Task& task, runtime::Metrics& metrics, std::string provider, std::string method,
               std::uint64_t request_bytes, std::unique_ptr<http::Exchange> inner)
      : task_(task), metrics_(metrics), provider_(std::move(provider)), method_(std::move(method)),
        request_bytes_(request_bytes), inner_(std::move(inner)), started_(task.clock().steady()) {}

  Result<void> write(std::string_view bytes) override {
    request_bytes_ += bytes.size();
    return inner_->write(task_, bytes);
  }

  Result<abi::HttpHead> finish() override {
    auto head = inner_->finish(task_);
    const auto took = task_.clock().steady() - started_;
    if (head.has_error()) {
      metrics_.request(provider_, method_, to_string(head.error().code), took, request_bytes_);
      metrics_.error(provider_, to_string(head.error().code));
      return std::move(head).error();
    }
    metrics_.request(provider_, method_, std::to_string(head->status), took, request_bytes_);
    if (head->status == 429) metrics_.error(provider_, to_string(Errc::rate_limited));
    return abi::HttpHead{head->status, std::move(head->headers)};
  }

  Result<std::size_t> read(std::span<char> buffer) override {
    auto size = inner_->read(task_, buffer);
    if (size.has_value()) metrics_.response_bytes(provider_, method_, *size);
    return size;
  }

  Result<std::string> read_all() override {
    auto body = http::read_all(task_, *inner_);
    if (body.has_value()) metrics_.response_bytes(provider_, method_, body->size());
    return body;
  }

 private:
  runtime::Task& task_;
  runtime::Metrics& metrics_;
  std::string provider_;
  std::string method_;
  std::uint64_t request_bytes_;
  std::unique_ptr<http::Exchange> inner_;
  runtime::SteadyTime started_;
};

class CallServices final : public abi::Services {
 public:
  CallServices(runtime::Task& task, Environment& environment, const store::Integration& integration,
               const abi::Manifest& manifest, SyncContext* sync, nlohmann::json config,
               credentials::Credentials credentials)
      : task_(task), environment_(environment), integration_(integration), manifest_(manifest), sync_(sync),
        config_(std::move(config)), credentials_(std::move(credentials)), allowed_(manifest, config_),
        signing_(credentials::make_signing_client(*environment.http_clients.at(task.loop().index()), manifest.auth,
                                                  config_, credentials_, task.clock())),
        client_(http::make_redirecting_client(*signing_)) {
    if (sync_ != nullptr) page_.emplace(manifest_, integration_, *sync_);
  }

  ~CallServices() override {
    if (dropped_lines_count_ > 0) spdlog::warn("{}: {} more log lines were dropped", whom(), dropped_lines_count_);
    if (page_ && page_->waiting_count() > 0)
      spdlog::warn("{}: {} records were sent after the last checkpoint and are not in effect", whom(),
                   page_->waiting_count());
  }

  Result<void> check() override { return task_.check(); }
  milliseconds remaining() override { return task_.deadline().remaining(task_.clock()); }

  void log(abi::LogLevel level, std::string_view message) override {
    if (++lines_count_ > k_log_lines_max) {
      ++dropped_lines_count_;
      return;
    }
    const std::string text = redact(message.substr(0, k_log_bytes_max), credentials_);
    spdlog::log(to_spdlog(level), "{}: {}", whom(), text);
  }

  std::int64_t now_ms() override { return task_.clock().unix_ms(); }
  Result<void> sleep(milliseconds duration) override { return runtime::sleep_for(task_, duration); }

  Result<std::unique_ptr<abi::HttpExchange>> http_open(abi::HttpRequest request) override {
    TOMADA_TRY(task_.check());
    TOMADA_TRY(allowed_.check(request.url));
    const std::string method = request.method;
    const std::uint64_t request_bytes = request.body.size();
    http::Request outbound{.method = std::move(request.method),
                           .url = std::move(request.url),
                           .headers = std::move(request.headers),
                           .body = std::move(request.body),
                           .streamed_length = request.streamed_length,
                           .timeout = request.timeout.count() == 0 ? k_request_timeout : request.timeout,
                           .may_follow = [this](std::string_view url) { return allowed_.check(url); },
                           .authenticate = request.authenticate};
    TOMADA_TRY_ASSIGN(auto exchange, client_->open(task_, std::move(outbound)));
    return std::unique_ptr<abi::HttpExchange>(std::make_unique<CallExchange>(
        task_, environment_.metrics, manifest_.id, method, request_bytes, std::move(exchange)));
  }

  Result<void> upsert(std::string_view entity, const abi::RecordView& record) override {
    TOMADA_TRY(has_sink());
    auto result = page_->upsert(entity, record);
    if (result.has_error()) log(abi::LogLevel::warn, "refused " + result.error().message);
    return result;
  }

  Result<void> remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) override {
    TOMADA_TRY(has_sink());
    return page_->remove(entity, external_id, updated_at_ms);
  }

  Result<void> checkpoint(std::string_view cursor) override { return commit(cursor, std::nullopt); }

  Result<void> complete(std::string_view entity, std::string_view since) override {
    TOMADA_TRY(has_sink());
    if (entity != sync_->entity)
      return fail(Errc::invalid_data, "complete(\"" + std::string(entity.substr(0, 64)) + "\") in a run of \"" +
                                          sync_->entity + "\"");
    return commit({}, std::string(since));
  }

  Result<void> progress(std::uint64_t current, std::uint64_t total) override {
    TOMADA_TRY(has_sink());
    progress_current_ = static_cast<std::int64_t>(std::min<std::uint64_t>(current, INT64_MAX));
    progress_total_ = static_cast<std::int64_t>(std::min<std::uint64_t>(total, INT64_MAX));
    progress_changed_ = true;
    return {};
  }

  Result<std::string> storage_get(std::string_view key) override {
    TOMADA_TRY(task_.check());
    TOMADA_TRY_ASSIGN(auto value, environment_.store.values().get(task_, integration_.tenant_id,
                                                                  integration_.config_id, key));
    if (!value) return fail(Errc::not_found, "no value is stored under this key");
    return *std::move(value);
  }
  Result<void> storage_put(std::string_view key, std::string_view value) override {
    TOMADA_TRY(task_.check());
    return environment_.store.values().put(task_, integration_.tenant_id, integration_.config_id, key, value);
  }
  Result<void> storage_remove(std::string_view key) override {
    TOMADA_TRY(task_.check());
    return environment_.store.values().remove(task_, integration_.tenant_id, integration_.config_id, key);
  }

  Result<std::string_view> credential(std::string_view field) override {
    if (std::find(manifest_.capabilities.begin(), manifest_.capabilities.end(), "secrets") ==
        manifest_.capabilities.end())
      return fail(Errc::forbidden, "reading credentials in clear needs the capability \"secrets\" in the manifest");
    const auto found = credentials_.find(field);
    if (found == credentials_.end()) return fail(Errc::not_found, "this integration has no such credential field");
    return found->second.expose_secret();
  }
  bool has_credential(std::string_view field) override { return credentials_.find(field) != credentials_.end(); }

  void misbehaved(std::string_view what) override {
    environment_.metrics.plugin_misbehaved(manifest_.id);
    spdlog::error("PLUGIN_MISBEHAVING {}: {}", whom(), what);
  }

 private:
  static spdlog::level::level_enum to_spdlog(abi::LogLevel level) {
    switch (level) {
      case abi::LogLevel::debug: return spdlog::level::debug;
      case abi::LogLevel::info: return spdlog::level::info;
      case abi::LogLevel::warn: return spdlog::level::warn;
      case abi::LogLevel::error: break;
    }
    return spdlog::level::err;
  }

  std::string whom() const {
    return "plugin=" + manifest_.id + " tenant=" + integration_.tenant_id + " integration=" + integration_.config_id;
  }

  Result<void> has_sink() const {
    if (page_) return {};
    return fail(Errc::unsupported, "records can be sent from sync() and handle_webhook() only");
  }

  Result<void> commit(std::string_view cursor, std::optional<std::string> complete_since) {
    TOMADA_TRY(has_sink());
    TOMADA_TRY(task_.check());
    if (cursor.size() > k_cursor_bytes_max || (complete_since && complete_since->size() > k_cursor_bytes_max))
      return fail(Errc::invalid_data, "a cursor of more than 64 KiB");
    store::Page page = page_->take(task_.clock().unix_ms());
    page.cursor = cursor;
    page.complete_since = std::move(complete_since);
    const std::int64_t rejected_count = page.rejected_count;
    sync_->rejected_count += rejected_count;
    page.keeps_unseen = sync_->rejected_count > 0;
    if (page.complete_since && page.marks_seen && page.keeps_unseen)
      spdlog::warn("{}: {} records of this full run were refused, so nothing is taken for deleted", whom(),
                   sync_->rejected_count);
    TOMADA_TRY_ASSIGN(const store::PageOutcome outcome, environment_.store.records().commit(task_, page));
    if (sync_->on_commit) sync_->on_commit(outcome, rejected_count);
    if (progress_changed_ && (task_.clock().steady() - progress_written_ >= k_progress_interval || page.complete_since)) {
      progress_changed_ = false;
      progress_written_ = task_.clock().steady();
      store::Sync sync;
      sync.sync_id = sync_->sync_id;
      sync.tenant_id = integration_.tenant_id;
      sync.config_id = integration_.config_id;
      const std::int64_t total = progress_total_ != 0 ? progress_total_ : sync_->expected_total;
      TOMADA_TRY(environment_.store.syncs().set_progress(task_, sync, progress_current_,
                                                         std::max(total, std::int64_t{0})));
    }
    return {};
  }

  runtime::Task& task_;
  Environment& environment_;
  const store::Integration& integration_;
  const abi::Manifest& manifest_;
  SyncContext* sync_;
  nlohmann::json config_;
  credentials::Credentials credentials_;
  AllowedHosts allowed_;
  std::unique_ptr<http::Client> signing_;
  std::unique_ptr<http::Client> client_;
  std::optional<RecordPage> page_;
  std::size_t lines_count_{0};
  std::size_t dropped_lines_count_{0};
  std::int64_t progress_current_{0};
  std::int64_t progress_total_{0};
  bool progress_changed_{false};
  runtime::SteadyTime progress_written_{};
};

}  // namespace

Result<std::unique_ptr<abi::Services>> make_call_services(runtime::Task& task, Environment& environment,
                                                          const store::Integration& integration,
                                                          const abi::Manifest& manifest, SyncContext* sync) {
  TOMADA_TRY_ASSIGN(auto credentials, environment.vault.open_sealed(task, integration.tenant_id, integration.config_id,
                                                                    integration.sealed_credentials));
  auto config = nlohmann::json::parse(integration.config_json, nullptr, false);
  if (!config.is_object()) return fail(Errc::internal, "the stored configuration is not a JSON object");
  return std::unique_ptr<abi::Services>(std::make_unique<CallServices>(
      task, environment, integration, manifest, sync, std::move(config), std::move(credentials)));
}

}  // namespace tomada::service
