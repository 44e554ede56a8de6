// The services of a call in a check: answers come from a Provider, time stands still but for sleeping, and all that is asked
// for is written down.
#pragma once

#include "host/abi/record_rules.hpp"
#include "host/abi/services.hpp"
#include "host/check/trial.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tomada::check {

/// A call that is over may still ask for this many services; then `endless` is told, and the process that asked ends.
inline constexpr std::uint64_t k_asked_after_end_max = 1'000;

class ScriptedServices final : public abi::Services {
 public:
  /// Borrowed but the rules.
  ScriptedServices(const Job& job, std::optional<abi::RecordRules> rules, Provider& provider, const Setup& setup, Endless endless);

  /// What was seen, with the outcome of the call.
  Observation observation(const Result<void>& outcome);

  Result<void> check() override { return ended_ ? Result<void>(over()) : Result<void>(); }
  std::chrono::milliseconds remaining() override { return std::chrono::milliseconds(ended_ ? 0 : 60'000); }
  void log(abi::LogLevel level, std::string_view message) override;
  std::int64_t now_ms() override { return now_ms_; }
  Result<void> sleep(std::chrono::milliseconds duration) override;
  Result<std::unique_ptr<abi::HttpExchange>> http_open(abi::HttpRequest request) override;
  Result<void> upsert(std::string_view entity, const abi::RecordView& record) override;
  Result<void> remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) override;
  void refuse_record(std::string_view why) override;
  Result<void> checkpoint(std::string_view cursor) override;
  Result<void> complete(std::string_view entity, std::string_view since) override;
  Result<void> progress(std::uint64_t, std::uint64_t) override { return {}; }
  Result<std::string> storage_get(std::string_view key) override;
  Result<void> storage_put(std::string_view key, std::string_view value) override;
  Result<void> storage_remove(std::string_view key) override;
  Result<void> reply(int status, std::string_view content_type, std::string_view body) override;
  Result<std::string_view> credential(std::string_view field) override;
  bool has_credential(std::string_view field) override { return credentials_.contains(field); }
  std::vector<std::string> credential_fields() override;
  void misbehaved(std::string_view what) override { seen_.faults.emplace_back(what); }
  void left_open(std::size_t handles_count) noexcept override { seen_.handles_left_count += handles_count; }

 private:
  class Exchange;
  static Error over() { return fail(Errc::cancelled, "the call was cancelled"); }
  /// One more service was asked for. CANCELLED once the call is over.
  Result<void> ask(std::string line);
  Result<void> has_sink() const;
  /// FORBIDDEN, as in a host, and a finding.
  Result<void> undeclared(std::string what);
  void look_for_secrets(std::string_view where, std::string_view text);

  const Job& job_;
  std::optional<abi::RecordRules> rules_;  // none: no records can be sent
  Provider& provider_;
  const Setup& setup_;
  const std::map<std::string, std::string, std::less<>>& credentials_;
  std::int64_t now_ms_;
  Endless endless_;
  Observation seen_;
  std::map<std::string, std::string, std::less<>> storage_;
  std::uint64_t asked_count_{0};
  bool ended_{false};
  bool saw_error_{false};  // since the call began
};

}  // namespace tomada::check
