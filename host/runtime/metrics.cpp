#include "host/runtime/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <unordered_map>

namespace tomada::runtime {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

const Histogram::BucketBoundaries k_request_seconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
const Histogram::BucketBoundaries k_sync_seconds{0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400};
const Histogram::BucketBoundaries k_webhook_seconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                    0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
const Histogram::BucketBoundaries k_size_bytes{100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};

double seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

Labels provider_and(std::string_view provider, const char* name, std::string_view value) {
  return {{"provider", std::string(provider)}, {name, std::string(value)}};
}

/// Unknown methods share one label value: they come from outside and would otherwise grow the registry for ever.
std::string method_label(std::string_view method) {
  for (const std::string_view known : {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
    if (method == known) return std::string(method);
  return "other";
}

struct ProcessState {
  double cpu_seconds{};
  double resident_bytes{};
  double open_files{};
};

ProcessState read_process() {
  ProcessState state;
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  // The second field is the program's name in brackets and may hold spaces; the rest is counted from its end.
  if (const std::size_t end = text.rfind(')'); end != std::string::npos) {
    std::istringstream fields(text.substr(end + 1));
    std::string field;
    double ticks = 0;
    for (int index = 3; fields >> field; ++index) {
      if (index == 14 || index == 15) ticks += std::strtod(field.c_str(), nullptr);
      if (index == 24) {
        state.resident_bytes = std::strtod(field.c_str(), nullptr) * static_cast<double>(sysconf(_SC_PAGESIZE));
        break;
      }
    }
    state.cpu_seconds = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  std::error_code failed;
  for (std::filesystem::directory_iterator file("/proc/self/fd", failed), end; !failed && file != end;
       file.increment(failed))
    state.open_files += 1;
  return state;
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  Family<Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  Family<Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  Family<Counter>& requests = counter("integration_requests_total", "HTTP requests of plugins");
  Family<Histogram>& request_seconds =
      histogram("integration_request_duration_seconds", "From the request's start to its response's header");
  Family<Histogram>& request_size = histogram("integration_request_size_bytes", "Bodies sent by plugins");
  Family<Histogram>& response_size = histogram("integration_response_size_bytes", "Bodies received by plugins");
  Family<Counter>& rate_limit_hits =
      counter("integration_rate_limit_hits_total", "Requests that a provider answered with 429");
  Family<Histogram>& rate_limit_waits =
      histogram("integration_rate_limit_wait_seconds", "Requests that waited for their account's limit, and how long");
  Family<Counter>& retries = counter("integration_retries_total", "Requests that were sent again");
  Family<Counter>& errors = counter("integration_errors_total", "Failed requests and calls by kind");
  Family<Histogram>& sync_seconds = histogram("integration_sync_duration_seconds", "Sync runs from start to end");
  Family<Counter>& records_processed =
      counter("integration_sync_records_processed_total", "Records that plugins delivered");
  Family<Counter>& records_failed = counter("integration_sync_records_failed_total", "Records that were refused");
  Family<Counter>& misbehaved = counter("tomada_plugin_misbehaved_total", "Rules of the ABI that a plugin broke");
  Family<Counter>& plugin_loads = counter("plugin_loads_total", "Plugin files that were looked at, by what became of them");
  Family<Gauge>& plugin_quarantined = gauge("plugin_quarantined", "1: the plugin is not called until it is released");
  Family<Gauge>& approvals_waiting =
      gauge("plugin_approvals_waiting", "Tenants whose version waits until what it asks for is approved");
  Family<Gauge>& workers = gauge("plugin_workers", "Worker processes that run");
  Family<Counter>& crashes = counter("plugin_crashes_total", "Worker processes that ended without being asked to");
  Family<Counter>& worker_cpu = counter("plugin_worker_cpu_seconds_total", "CPU time of worker processes");
  Family<Gauge>& worker_memory = gauge("plugin_worker_memory_bytes", "Resident memory of worker processes");
  Family<Counter>& api_requests = counter("tomada_api_requests_total", "Requests to the host's own API");
  Family<Histogram>& api_seconds = histogram("tomada_api_request_duration_seconds", "The host's own API");
  Family<Counter>& webhook_events = counter("webhook_events_total", "Webhook events by what became of them");
  Family<Counter>& webhook_rejected = counter("webhook_rejected_total", "Webhook requests that were refused");
  Family<Histogram>& webhook_intake =
      histogram("webhook_intake_seconds", "Accepted webhook requests until their events were on disk");
  Family<Histogram>& webhook_processing = histogram("webhook_processing_seconds", "Plugin calls for webhook events");
  Gauge& webhook_pending = gauge("webhook_pending", "Events that wait to be worked off").Add({});
  Gauge& webhook_failed = gauge("webhook_failed", "Events in the dead-letter list").Add({});
  Family<Gauge>& jobs = gauge("tomada_jobs", "Jobs in the queue by state");
  Gauge& cpu = gauge("process_cpu_seconds_total", "CPU time of this process").Add({});
  Gauge& cpu_percent =
      gauge("process_cpu_percent", "CPU use since the last scrape; 100 is one core").Add({});
  Gauge& resident = gauge("process_resident_memory_bytes", "Resident memory").Add({});
  Gauge& memory = gauge("process_memory_bytes", "Resident memory, under the documents' name").Add({});
  Gauge& open_files = gauge("process_open_file_descriptors", "Open file descriptors").Add({});
  Gauge& start_time = gauge("process_start_time_seconds", "When the host started, Unix time").Add({});

  /// The series of one (provider, method, status), found once: each Add() of the library sorts and hashes its labels.
  struct RequestSeries {
    Counter* count{};  // none without a status
    Histogram* seconds{};
    Histogram* size{};
    Histogram* response_size{};
  };
  std::mutex series_mutex;
  std::unordered_map<std::string, RequestSeries> request_series;  // as many as there are series

  RequestSeries request_series_of(std::string_view provider, std::string_view method, std::string_view status) {
    std::string key;
    key.reserve(provider.size() + method.size() + status.size() + 2);
    key.append(provider).append(1, '\n').append(method).append(1, '\n').append(status);
    const std::lock_guard lock(series_mutex);
    RequestSeries& series = request_series[key];
    if (series.seconds == nullptr) {
      Labels labels = provider_and(provider, "method", method);
      series.seconds = &request_seconds.Add(labels, k_request_seconds);
      series.size = &request_size.Add(labels, k_size_bytes);
      series.response_size = &response_size.Add(labels, k_size_bytes);
      labels.emplace("status", std::string(status));
      if (!status.empty()) series.count = &requests.Add(labels);
    }
    return series;
  }

  std::unordered_map<std::string, Counter*> webhook_event_series;      // "provider\nstatus", found once as well
  std::unordered_map<std::string, Histogram*> webhook_duration_series;  // "provider\ni" and "provider\np"

  Counter& webhook_events_of(std::string_view provider, std::string_view status) {
    std::string key;
    key.append(provider).append(1, '\n').append(status);
    const std::lock_guard lock(series_mutex);
    Counter*& series = webhook_event_series[key];
    if (series == nullptr) series = &webhook_events.Add(provider_and(provider, "status", status));
    return *series;
  }
  Histogram& webhook_durations_of(std::string_view provider, Family<Histogram>& family, char mark) {
    std::string key;
    key.append(provider).append(1, '\n').append(1, mark);
    const std::lock_guard lock(series_mutex);
    Histogram*& series = webhook_duration_series[key];
    if (series == nullptr) series = &family.Add({{"provider", std::string(provider)}}, k_webhook_seconds);
    return *series;
  }

  std::atomic<std::uint64_t> requests_count{0};
  std::atomic<std::uint64_t> errors_count{0};

  std::mutex scrape_mutex;
  double last_cpu_seconds{0};
  std::chrono::steady_clock::time_point last_scrape{std::chrono::steady_clock::now()};

  Impl() {
    start_time.Set(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  }

  void read_process_now() {
    const std::lock_guard lock(scrape_mutex);
    const ProcessState state = read_process();
    const auto now = std::chrono::steady_clock::now();
    const double elapsed = seconds(now - last_scrape);
    if (elapsed > 0) cpu_percent.Set(100.0 * (state.cpu_seconds - last_cpu_seconds) / elapsed);
    last_cpu_seconds = state.cpu_seconds;
    last_scrape = now;
    cpu.Set(state.cpu_seconds);
    resident.Set(state.resident_bytes);
    memory.Set(state.resident_bytes);
    open_files.Set(state.open_files);
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::request(std::string_view provider, std::string_view method, std::string_view status,
                      std::chrono::nanoseconds duration, std::uint64_t request_bytes) {
  const Impl::RequestSeries series = impl_->request_series_of(provider, method_label(method), status);
  series.seconds->Observe(seconds(duration));
  series.size->Observe(static_cast<double>(request_bytes));
  series.count->Increment();

  impl_->requests_count.fetch_add(1, std::memory_order_relaxed);
  int number = 0;
  const auto parsed = std::from_chars(status.data(), status.data() + status.size(), number);
  const bool failed = parsed.ec != std::errc{} || number >= 400;  // a word means that no answer came
  if (failed) impl_->errors_count.fetch_add(1, std::memory_order_relaxed);
}

void Metrics::response_bytes(std::string_view provider, std::string_view method, std::uint64_t bytes) {
  const Impl::RequestSeries series = impl_->request_series_of(provider, method_label(method), {});
  series.response_size->Observe(static_cast<double>(bytes));
}

void Metrics::error(std::string_view provider, std::string_view error_type) {
  impl_->errors.Add(provider_and(provider, "error_type", error_type)).Increment();
}

void Metrics::rate_limit_hit(std::string_view provider) {
  impl_->rate_limit_hits.Add({{"provider", std::string(provider)}}).Increment();
}

void Metrics::rate_limit_wait(std::string_view provider, std::string_view lane, std::chrono::nanoseconds wait) {
  impl_->rate_limit_waits.Add(provider_and(provider, "lane", lane), k_sync_seconds).Observe(seconds(wait));
}

void Metrics::retried(std::string_view provider) {
  impl_->retries.Add({{"provider", std::string(provider)}}).Increment();
}

void Metrics::sync(std::string_view provider, std::chrono::nanoseconds duration) {
  impl_->sync_seconds.Add({{"provider", std::string(provider)}}, k_sync_seconds).Observe(seconds(duration));
}

void Metrics::sync_records(std::string_view provider, std::uint64_t processed_count, std::uint64_t failed_count) {
  const Labels labels{{"provider", std::string(provider)}};
  impl_->records_processed.Add(labels).Increment(static_cast<double>(processed_count));
  impl_->records_failed.Add(labels).Increment(static_cast<double>(failed_count));
}

void Metrics::plugin_misbehaved(std::string_view provider) {
  impl_->misbehaved.Add({{"provider", std::string(provider)}}).Increment();
}

void Metrics::api_request(std::string_view route, std::string_view method, int status,
                          std::chrono::nanoseconds duration) {
  Labels labels{{"route", std::string(route)}, {"method", method_label(method)}};
  impl_->api_seconds.Add(labels, k_request_seconds).Observe(seconds(duration));
  labels.emplace("status", std::to_string(status));
  impl_->api_requests.Add(labels).Increment();
}

void Metrics::webhook_received(std::string_view provider, std::string_view status, std::uint64_t count) {
  if (count > 0) impl_->webhook_events_of(provider, status).Increment(static_cast<double>(count));
}

void Metrics::webhook_intake(std::string_view provider, std::chrono::nanoseconds duration) {
  impl_->webhook_durations_of(provider, impl_->webhook_intake, 'i').Observe(seconds(duration));
}

void Metrics::plugin_loaded(std::string_view plugin, bool available) {
  impl_->plugin_loads.Add({{"plugin", std::string(plugin.empty() ? "unknown" : plugin)}, {"result", available ? "available" : "refused"}})
      .Increment();
}

void Metrics::plugin_quarantined(std::string_view plugin, bool is_quarantined) {
  impl_->plugin_quarantined.Add({{"plugin", std::string(plugin)}}).Set(is_quarantined ? 1 : 0);
}

void Metrics::plugin_approvals_waiting(std::string_view plugin, std::size_t tenants_count) {
  impl_->approvals_waiting.Add({{"plugin", std::string(plugin)}}).Set(static_cast<double>(tenants_count));
}

void Metrics::worker_started(std::string_view plugin) {
  impl_->workers.Add({{"plugin", std::string(plugin)}}).Increment();
}

void Metrics::worker_ended(std::string_view plugin, std::string_view crash) {
  impl_->workers.Add({{"plugin", std::string(plugin)}}).Decrement();
  if (!crash.empty()) impl_->crashes.Add({{"plugin", std::string(plugin)}, {"cause", std::string(crash)}}).Increment();
}

void Metrics::worker_usage(std::string_view plugin, std::chrono::microseconds cpu, std::int64_t rss_bytes) {
  impl_->worker_cpu.Add({{"plugin", std::string(plugin)}}).Increment(std::chrono::duration<double>(cpu).count());
  impl_->worker_memory.Add({{"plugin", std::string(plugin)}}).Increment(static_cast<double>(rss_bytes));
}

void Metrics::webhook_rejected(std::string_view provider) {
  impl_->webhook_rejected.Add({{"provider", std::string(provider)}}).Increment();
}

void Metrics::webhook_processed(std::string_view provider, std::string_view status,
                                std::chrono::nanoseconds duration) {
  impl_->webhook_events_of(provider, status).Increment();
  impl_->webhook_durations_of(provider, impl_->webhook_processing, 'p').Observe(seconds(duration));
}

void Metrics::webhooks(std::int64_t pending_count, std::int64_t failed_count) {
  impl_->webhook_pending.Set(static_cast<double>(pending_count));
  impl_->webhook_failed.Set(static_cast<double>(failed_count));
}

void Metrics::jobs(std::int64_t waiting_count, std::int64_t running_count, std::int64_t dead_count) {
  impl_->jobs.Add({{"state", "waiting"}}).Set(static_cast<double>(waiting_count));
  impl_->jobs.Add({{"state", "running"}}).Set(static_cast<double>(running_count));
  impl_->jobs.Add({{"state", "dead"}}).Set(static_cast<double>(dead_count));
}

std::uint64_t Metrics::requests_total() const { return impl_->requests_count.load(std::memory_order_relaxed); }
std::uint64_t Metrics::errors_total() const { return impl_->errors_count.load(std::memory_order_relaxed); }

std::string Metrics::text() const {
  impl_->read_process_now();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace tomada::runtime
