// What every plugin call sees of the host but for its records and values: time, log, HTTP, credentials.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/abi/services.hpp"
#include "host/http/client.hpp"
#include "host/service/call_services.hpp"
#include "host/service/outbound.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tomada::service {

class CallBase : public abi::Services {
 public:
  /// All but `opened` is borrowed and outlives the call.
  CallBase(runtime::Task& task, Environment& environment, const store::Integration& integration,
           const abi::Manifest& manifest, std::shared_ptr<const OpenedIntegration> opened, limit::Lane lane);
  ~CallBase() override;

  Result<void> check() override { return task_.check(); }
  std::chrono::milliseconds remaining() override { return task_.deadline().remaining(task_.clock()); }
  void log(abi::LogLevel level, std::string_view message) override;
  std::int64_t now_ms() override { return task_.clock().unix_ms(); }
  Result<void> sleep(std::chrono::milliseconds duration) override { return runtime::sleep_for(task_, duration); }
  Result<std::unique_ptr<abi::HttpExchange>> http_open(abi::HttpRequest request) override;
  Result<std::string> storage_get(std::string_view key) override;
  Result<std::string_view> credential(std::string_view field) override;
  bool has_credential(std::string_view field) override;
  std::vector<std::string> credential_fields() override;
  void misbehaved(std::string_view what) override;

 protected:
  [[nodiscard]] std::string whom() const;

  runtime::Task& task_;
  Environment& environment_;
  const store::Integration& integration_;
  const abi::Manifest& manifest_;

 private:
  std::shared_ptr<const OpenedIntegration> opened_;  // shared with the other calls of a slice of webhooks
  limit::Lane lane_;  // of its requests
  std::unique_ptr<Outbound> outbound_;  // made for the first request: many calls send none
  std::size_t lines_count_{0};
  std::size_t dropped_lines_count_{0};
};

}  // namespace tomada::service
