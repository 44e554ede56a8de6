#include "host/service/call_base.hpp"

#include "host/abi/checks.hpp"
#include "host/service/redactor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace tomada::service {
namespace {

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

spdlog::level::level_enum to_spdlog(abi::LogLevel level) {
  switch (level) {
    case abi::LogLevel::debug: return spdlog::level::debug;
    case abi::LogLevel::info: return spdlog::level::info;
    case abi::LogLevel::warn: return spdlog::level::warn;
    case abi::LogLevel::error: break;
  }
  return spdlog::level::err;
}

}  // namespace

CallBase::CallBase(runtime::Task& task, Environment& environment, const store::Integration& integration,
                   const abi::Manifest& manifest, std::shared_ptr<const OpenedIntegration> opened, limit::Lane lane)
    : task_(task), environment_(environment), integration_(integration), manifest_(manifest),
      opened_(std::move(opened)), lane_(lane) {}

CallBase::~CallBase() {
  if (dropped_lines_count_ > 0) spdlog::warn("{}: {} more log lines were dropped", whom(), dropped_lines_count_);
}

std::string CallBase::whom() const {
  return "plugin=" + manifest_.id + " tenant=" + integration_.tenant_id + " integration=" + integration_.config_id;
}

void CallBase::log(abi::LogLevel level, std::string_view message) {
  if (++lines_count_ > k_log_lines_max) {
    ++dropped_lines_count_;
    return;
  }
  if (!spdlog::should_log(to_spdlog(level))) return;
  spdlog::log(to_spdlog(level), "{}: {}", whom(), redact(message.substr(0, k_log_bytes_max), opened_->credentials));
}

Result<std::unique_ptr<abi::HttpExchange>> CallBase::http_open(abi::HttpRequest request) {
  TOMADA_TRY(task_.check());
  if (!outbound_) {
    TOMADA_TRY_ASSIGN(outbound_, Outbound::make(task_, environment_, integration_, manifest_, *opened_, lane_));
  }
  const std::string method = request.method;
  const std::uint64_t request_bytes = request.body.size();
  TOMADA_TRY_ASSIGN(auto exchange, outbound_->open(task_, std::move(request)));
  return std::unique_ptr<abi::HttpExchange>(std::make_unique<CallExchange>(
      task_, environment_.metrics, manifest_.id, method, request_bytes, std::move(exchange)));
}

Result<std::string> CallBase::storage_get(std::string_view key) {
  TOMADA_TRY(abi::check_storage_is_named(manifest_));
  TOMADA_TRY(task_.check());
  TOMADA_TRY_ASSIGN(auto value, environment_.store.values().get(task_, integration_.tenant_id,
                                                                integration_.config_id, key));
  if (!value) return fail(Errc::not_found, "no value is stored under this key");
  return *std::move(value);
}

Result<std::string_view> CallBase::credential(std::string_view field) {
  if (std::find(manifest_.capabilities.begin(), manifest_.capabilities.end(), "secrets") ==
      manifest_.capabilities.end())
    return fail(Errc::forbidden, "reading credentials in clear needs the capability \"secrets\" in the manifest");
  const auto found = opened_->credentials.find(field);
  if (found == opened_->credentials.end()) return fail(Errc::not_found, "this integration has no such credential field");
  return found->second.expose_secret();
}

bool CallBase::has_credential(std::string_view field) {
  return opened_->credentials.find(field) != opened_->credentials.end();
}

std::vector<std::string> CallBase::credential_fields() {
  std::vector<std::string> fields;
  for (const auto& [field, value] : opened_->credentials) fields.push_back(field);
  return fields;
}

void CallBase::misbehaved(std::string_view what) {
  environment_.metrics.plugin_misbehaved(manifest_.id);
  spdlog::error("PLUGIN_MISBEHAVING {}: {}", whom(), what);
}

Result<std::shared_ptr<const OpenedIntegration>> open_integration(runtime::Task& task, Environment& environment,
                                                                  const store::Integration& integration) {
  TOMADA_TRY_ASSIGN(auto credentials, environment.vault.open_sealed(task, integration.tenant_id, integration.config_id,
                                                                    integration.sealed_credentials));
  auto config = nlohmann::json::parse(integration.config_json, nullptr, false);
  if (!config.is_object()) return fail(Errc::internal, "the stored configuration is not a JSON object");
  return std::shared_ptr<const OpenedIntegration>(
      std::make_shared<OpenedIntegration>(OpenedIntegration{std::move(credentials), std::move(config)}));
}

}  // namespace tomada::service
