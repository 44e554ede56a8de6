// Counters under the names that the users know. Thread-safe; prometheus-cpp keeps them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tomada::runtime {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// A plugin's HTTP request: integration_requests_total{provider,method,status}, its duration and sizes. `status` is
  /// the number, or the word of an Errc when no answer came.
  void request(std::string_view provider, std::string_view method, std::string_view status,
               std::chrono::nanoseconds duration, std::uint64_t request_bytes);
  void response_bytes(std::string_view provider, std::string_view method, std::uint64_t bytes);
  /// integration_errors_total{provider,error_type}: requests without an answer, and what calls ended with.
  void error(std::string_view provider, std::string_view error_type);
  void rate_limit_hit(std::string_view provider);
  /// integration_rate_limit_wait_seconds{provider,lane}: only requests that had to wait.
  void rate_limit_wait(std::string_view provider, std::string_view lane, std::chrono::nanoseconds wait);
  void retried(std::string_view provider);
  void sync(std::string_view provider, std::chrono::nanoseconds duration);
  void sync_records(std::string_view provider, std::uint64_t processed_count, std::uint64_t failed_count);
  void plugin_misbehaved(std::string_view provider);
  /// plugin_loads_total{plugin,result}: a file of the plugin directory was looked at, and is available or refused. `plugin`
  /// is empty when it has no readable manifest.
  void plugin_loaded(std::string_view plugin, bool available);
  /// plugin_quarantined{plugin}: 1 or 0.
  void plugin_quarantined(std::string_view plugin, bool is_quarantined);
  /// plugin_approvals_waiting{plugin}: tenants whose version waits until what it asks for is approved.
  void plugin_approvals_waiting(std::string_view plugin, std::size_t tenants_count);
  /// plugin_workers{plugin} goes up, and down with the end; `crash`: empty for one that was asked to, else
  /// plugin_crashes_total{plugin,cause}.
  void worker_started(std::string_view plugin);
  void worker_ended(std::string_view plugin, std::string_view crash);
  /// plugin_worker_cpu_seconds_total{plugin} and plugin_worker_memory_bytes{plugin}: what came since it was told last.
  void worker_usage(std::string_view plugin, std::chrono::microseconds cpu, std::int64_t rss_bytes);
  /// The host's own API: tomada_api_requests_total{route,method,status}.
  void api_request(std::string_view route, std::string_view method, int status, std::chrono::nanoseconds duration);
  /// webhook_events_total{provider,status}: accepted, duplicate or ignored by the intake.
  void webhook_received(std::string_view provider, std::string_view status, std::uint64_t count);
  /// webhook_intake_seconds{provider}: an accepted request, from its arrival whole until its events are on disk.
  void webhook_intake(std::string_view provider, std::chrono::nanoseconds duration);
  /// webhook_rejected_total{provider}: requests that were not verified or not understood.
  void webhook_rejected(std::string_view provider);
  /// webhook_events_total with completed, partial, failed or retried, and webhook_processing_seconds{provider}.
  void webhook_processed(std::string_view provider, std::string_view status, std::chrono::nanoseconds duration);
  /// webhook_pending and webhook_failed.
  void webhooks(std::int64_t pending_count, std::int64_t failed_count);
  void jobs(std::int64_t waiting_count, std::int64_t running_count, std::int64_t dead_count);

  /// For /health: requests of plugins in all, and how many of them failed.
  [[nodiscard]] std::uint64_t requests_total() const;
  [[nodiscard]] std::uint64_t errors_total() const;

  /// The text format 0.0.4, with process_* read now.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::runtime
