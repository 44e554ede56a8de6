// Every setting of the host, in one struct. keys.cpp has the table that says how each is read, bounded and named.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tomada::settings {

/// Sizes in bytes, times in the unit that the name ends with. config/tomada.toml explains each key.
struct Settings {
  std::string listen{"127.0.0.1:7070"};
  std::string data_dir;    // never empty after load()
  std::string plugin_dir;  // never empty after load()
  std::int64_t threads{0};  // io threads; 0: one for each core

  struct Log {
    std::string level{"info"};
    std::string format{"text"};
  } log;

  struct Plugins {
    std::string isolation{"worker"};
    std::vector<std::string> in_process;
    std::string worker_per{"plugin"};
    std::int64_t worker_memory_bytes_max{512 * 1024 * 1024};
    std::int64_t worker_threads_max{64};
    std::int64_t worker_idle_seconds{60};
    std::string signatures{"optional"};
    std::string trusted_keys_dir;  // never empty after load()
    std::vector<std::string> sha256;
  } plugins;

  struct Http {
    std::vector<std::string> allow_private;
    std::string ca_file;
    std::int64_t connections_max{1'000};
    std::int64_t connect_timeout_ms{10'000};
  } http;

  struct Calls {
    std::vector<std::string> rate_limit_per_minute;  // "provider=number"
    std::vector<std::string> rate_limit_per_hour;
    std::int64_t timeout_seconds{30};
    std::int64_t retry_attempts{3};
    std::int64_t retry_backoff_ms{1'000};
    std::int64_t circuit_breaker_threshold{5};
    std::int64_t circuit_breaker_timeout_ms{60'000};
  } calls;

  struct Sync {
    std::int64_t call_timeout_seconds{3'600};
  } sync;

  struct Jobs {
    std::int64_t running_max{64};
    std::int64_t attempts_max{8};
    std::int64_t lease_ms{60'000};
  } jobs;

  struct Webhooks {
    std::string public_url;  // empty: http:// and the address of the listener
    std::int64_t waiting_max{4'096};
    std::int64_t running_max{16};
    std::int64_t call_timeout_seconds{60};
    std::int64_t retention_days{30};
    std::int64_t failed_retention_days{90};
    std::int64_t payload_bytes_max{std::int64_t{10} * 1024 * 1024 * 1024};
    std::int64_t rejected_max{1'000};
  } webhooks;

  struct Store {
    std::string url;  // postgres://…, sqlite:FILE, or empty: the file tomada.db in data_dir
    std::int64_t connections_max{10};
    std::int64_t wal_bytes_max{256 * 1024 * 1024};
    std::int64_t readers_count{2};
  } store;

  struct Api {
    std::int64_t body_bytes_max{1024 * 1024};
    std::int64_t header_bytes_max{16 * 1024};
    std::int64_t connections_max{1'024};
    std::int64_t idle_timeout_ms{60'000};
    std::int64_t request_timeout_ms{30'000};
  } api;
};

}  // namespace tomada::settings
