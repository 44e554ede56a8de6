// Rows of the webhook tables and the job that works them off, as the parts of the store see them.
#pragma once

#include "host/store/sqlite/connection.hpp"
#include "host/store/webhooks.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

#define TOMADA_WEBHOOK_COLUMNS                                                                               \
  "e.webhook_id, e.event_id, e.event_type, e.subject, e.app_id, e.source_ip, e.signature_verified, "         \
  "e.processing_status, e.processing_attempts, e.next_processing_at_ms, e.processed_at_ms, e.error_code, "   \
  "e.processing_error, e.received_at_ms, e.body_bytes"

namespace tomada::store::sqlite {

inline constexpr std::string_view k_webhook_kind = "webhook";
inline constexpr std::int64_t k_no_config = 0;  // config_no of events that no integration has
inline constexpr int k_webhook_id_unique_bits = 22;  // of an id, below its milliseconds

/// Of a query for TOMADA_WEBHOOK_COLUMNS, whose first column is number 0. Headers and body stay empty.
Webhook read_webhook(const Statement& row, std::string_view tenant_id, std::string_view config_id);
/// With headers and body. nullopt: there is no such event.
std::optional<Webhook> find_webhook(Connection& connection, std::int64_t config_no, std::int64_t webhook_id,
                                    std::string_view tenant_id, std::string_view config_id);

/// Returns how many bytes went; the caller adds them up for add_payload_bytes().
std::int64_t drop_payload(Connection& connection, std::int64_t webhook_id);
void add_payload_bytes(Connection& connection, std::int64_t bytes);
/// Events with payloads and attempts, at most `rows_max`; returns how many. `app_id` empty: of any. The dedupe keys
/// stay until retention takes them.
std::int64_t remove_webhooks(Connection& connection, std::int64_t config_no, std::string_view app_id,
                             std::int64_t rows_max);

/// When the first open event of the integration is due.
std::optional<std::int64_t> next_webhook_ms(Connection& connection, std::string_view config_id);
/// The integration's webhook job, if there is one, is due at `at_ms` or before. One that runs now comes back at once
/// should its holder put it off: it may have decided so before it could know.
void wake_webhook_job(Connection& connection, std::string_view config_id, std::int64_t at_ms);

/// Where events go, and the job that works them off.
struct WebhookTarget {
  enum class Job { none, waiting, running, dead };
  std::string_view tenant_id, config_id, app_id;  // borrowed
  std::int64_t config_no{k_no_config};
  bool is_enabled{};
  Job job{Job::none};
  std::int64_t job_row{};
  std::int64_t job_due_at_ms{};
};
/// NOT_FOUND: the tenant has no such integration; with `config_id` empty, no such app.
Result<WebhookTarget> find_webhook_target(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                          std::string_view app_id);
/// Makes or wakes the job. True: the runner should look. A disabled integration's job is left to sleep.
bool require_webhook_job(Connection& connection, const WebhookTarget& target, std::int64_t due_at_ms,
                         std::int64_t now_ms);

}  // namespace tomada::store::sqlite
