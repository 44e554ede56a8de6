#include "host/settings/keys.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>

namespace tomada::settings {
namespace {

// A captureless lambda for each field, so that the table stays a plain constant.
#define TOMADA_FIELD(member) [](Settings & s) -> auto& { return s.member; }

constexpr std::int64_t k_minute_ms = 60'000;
constexpr std::int64_t k_mebibyte = 1024 * 1024;

const std::array k_keys{
    Key{"listen", Key::Text(TOMADA_FIELD(listen))},
    Key{"data_dir", Key::Text(TOMADA_FIELD(data_dir))},
    Key{"plugin_dir", Key::Text(TOMADA_FIELD(plugin_dir))},
    Key{"threads", Key::Number(TOMADA_FIELD(threads)), 0, 256},
    Key{"log.level", Key::Text(TOMADA_FIELD(log.level)), 0, 0, "trace|debug|info|warn|error|off"},
    Key{"log.format", Key::Text(TOMADA_FIELD(log.format)), 0, 0, "text|json"},
    Key{"plugins.isolation", Key::Text(TOMADA_FIELD(plugins.isolation)), 0, 0, "worker|in_process"},
    Key{"plugins.in_process", Key::List(TOMADA_FIELD(plugins.in_process))},
    Key{"plugins.worker_per", Key::Text(TOMADA_FIELD(plugins.worker_per)), 0, 0, "plugin|tenant"},
    Key{"plugins.worker_memory_bytes_max", Key::Number(TOMADA_FIELD(plugins.worker_memory_bytes_max)), 16 * k_mebibyte,
        65'536 * k_mebibyte},
    Key{"plugins.worker_threads_max", Key::Number(TOMADA_FIELD(plugins.worker_threads_max)), 2, 10'000},
    Key{"plugins.worker_idle_seconds", Key::Number(TOMADA_FIELD(plugins.worker_idle_seconds)), 1, 24 * 3'600},
    Key{"plugins.signatures", Key::Text(TOMADA_FIELD(plugins.signatures)), 0, 0, "optional|required"},
    Key{"plugins.trusted_keys_dir", Key::Text(TOMADA_FIELD(plugins.trusted_keys_dir))},
    Key{"plugins.sha256", Key::List(TOMADA_FIELD(plugins.sha256))},
    Key{"http.allow_private", Key::List(TOMADA_FIELD(http.allow_private))},
    Key{"http.ca_file", Key::Text(TOMADA_FIELD(http.ca_file))},
    Key{"http.connections_max", Key::Number(TOMADA_FIELD(http.connections_max)), 1, 100'000},
    Key{"http.connect_timeout_ms", Key::Number(TOMADA_FIELD(http.connect_timeout_ms)), 1, 10 * k_minute_ms},
    Key{"calls.rate_limit_per_minute", Key::List(TOMADA_FIELD(calls.rate_limit_per_minute))},
    Key{"calls.rate_limit_per_hour", Key::List(TOMADA_FIELD(calls.rate_limit_per_hour))},
    Key{"calls.timeout_seconds", Key::Number(TOMADA_FIELD(calls.timeout_seconds)), 1, 3'600},
    Key{"calls.retry_attempts", Key::Number(TOMADA_FIELD(calls.retry_attempts)), 0, 10},
    Key{"calls.retry_backoff_ms", Key::Number(TOMADA_FIELD(calls.retry_backoff_ms)), 1, k_minute_ms},
    Key{"calls.circuit_breaker_threshold", Key::Number(TOMADA_FIELD(calls.circuit_breaker_threshold)), 0, 1'000},
    Key{"calls.circuit_breaker_timeout_ms", Key::Number(TOMADA_FIELD(calls.circuit_breaker_timeout_ms)), 100, 60 * k_minute_ms},
    Key{"sync.call_timeout_seconds", Key::Number(TOMADA_FIELD(sync.call_timeout_seconds)), 1, 7 * 24 * 3'600},
    Key{"jobs.running_max", Key::Number(TOMADA_FIELD(jobs.running_max)), 1, 10'000},
    Key{"jobs.attempts_max", Key::Number(TOMADA_FIELD(jobs.attempts_max)), 1, 1'000},
    Key{"jobs.lease_ms", Key::Number(TOMADA_FIELD(jobs.lease_ms)), 1'000, 60 * k_minute_ms},
    Key{"webhooks.public_url", Key::Text(TOMADA_FIELD(webhooks.public_url))},
    Key{"webhooks.waiting_max", Key::Number(TOMADA_FIELD(webhooks.waiting_max)), 1, 1'000'000},
    Key{"webhooks.running_max", Key::Number(TOMADA_FIELD(webhooks.running_max)), 1, 1'000},
    Key{"webhooks.call_timeout_seconds", Key::Number(TOMADA_FIELD(webhooks.call_timeout_seconds)), 1, 3'600},
    Key{"webhooks.retention_days", Key::Number(TOMADA_FIELD(webhooks.retention_days)), 1, 3'650},
    Key{"webhooks.failed_retention_days", Key::Number(TOMADA_FIELD(webhooks.failed_retention_days)), 1, 3'650},
    Key{"webhooks.payload_bytes_max", Key::Number(TOMADA_FIELD(webhooks.payload_bytes_max)), k_mebibyte,
        std::int64_t{64} * 1024 * 1024 * k_mebibyte},
    Key{"webhooks.rejected_max", Key::Number(TOMADA_FIELD(webhooks.rejected_max)), 0, 100'000},
    Key{"store.url", Key::Text(TOMADA_FIELD(store.url))},
    Key{"store.connections_max", Key::Number(TOMADA_FIELD(store.connections_max)), 6, 1'000},
    Key{"store.wal_bytes_max", Key::Number(TOMADA_FIELD(store.wal_bytes_max)), k_mebibyte, 65'536 * k_mebibyte},
    Key{"store.readers_count", Key::Number(TOMADA_FIELD(store.readers_count)), 1, 64},
    Key{"api.body_bytes_max", Key::Number(TOMADA_FIELD(api.body_bytes_max)), 1'024, 1'024 * k_mebibyte},
    Key{"api.header_bytes_max", Key::Number(TOMADA_FIELD(api.header_bytes_max)), 1'024, k_mebibyte},
    Key{"api.connections_max", Key::Number(TOMADA_FIELD(api.connections_max)), 1, 100'000},
    Key{"api.idle_timeout_ms", Key::Number(TOMADA_FIELD(api.idle_timeout_ms)), 10, 60 * k_minute_ms},
    Key{"api.request_timeout_ms", Key::Number(TOMADA_FIELD(api.request_timeout_ms)), 10, 60 * k_minute_ms},
};

#undef TOMADA_FIELD

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::span<const Key> keys() { return k_keys; }

const Key* find_key(std::string_view path) {
  const auto found = std::find_if(k_keys.begin(), k_keys.end(), [&](const Key& key) { return key.path == path; });
  return found == k_keys.end() ? nullptr : &*found;
}

std::string environment_name(std::string_view path) {
  std::string name = "TOMADA_";
  for (const char c : path) name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string default_text(const Key& key) {
  Settings defaults;
  if (const auto* text = std::get_if<Key::Text>(&key.field)) return '"' + (*text)(defaults) + '"';
  if (const auto* number = std::get_if<Key::Number>(&key.field)) return std::to_string((*number)(defaults));
  return "[]";
}

std::string expectation(const Key& key) {
  if (std::holds_alternative<Key::Number>(key.field))
    return "a whole number from " + std::to_string(key.min) + " to " + std::to_string(key.max);
  if (std::holds_alternative<Key::List>(key.field)) return "a list of texts";
  if (key.choices.empty()) return "a text";
  std::string words = "one of: ";
  for (const char c : key.choices) {
    if (c == '|') {
      words += ", ";
    } else {
      words += c;
    }
  }
  return words;
}

std::string nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

}  // namespace tomada::settings
