// Rows of the webhook tables and the job that works them off, as the parts of the store see them.
#pragma once

#include "host/store/postgres/connection.hpp"
#include "host/store/webhooks.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#define TOMADA_WEBHOOK_COLUMNS                                                                             \
  "e.webhook_id, e.event_id, e.event_type, e.subject, e.app_id, e.source_ip, e.signature_verified, "       \
  "e.processing_status, e.processing_attempts, e.next_processing_at_ms, e.processed_at_ms, e.error_code, " \
  "e.processing_error, e.received_at_ms, e.body_bytes"
/// After TOMADA_WEBHOOK_COLUMNS; also where no join is possible (RETURNING).
#define TOMADA_WEBHOOK_PAYLOAD                                                               \
  ", (SELECT p.headers FROM integrations.webhook_payloads p WHERE p.webhook_id = e.webhook_id)" \
  ", (SELECT p.body FROM integrations.webhook_payloads p WHERE p.webhook_id = e.webhook_id)"

namespace tomada::store::postgres {

inline constexpr std::string_view k_webhook_kind = "webhook";
inline constexpr int k_webhook_id_unique_bits = 22;  // of an id, below its milliseconds

/// Of a query for TOMADA_WEBHOOK_COLUMNS, whose first column is number 0. Headers and body stay empty.
Webhook read_webhook(const Row& row, std::string_view tenant_id, std::string_view config_id);
/// The same with TOMADA_WEBHOOK_PAYLOAD.
Webhook read_whole_webhook(const Row& row, std::string_view tenant_id, std::string_view config_id);

/// Events with payloads and attempts, oldest first, at most `rows_max`; returns how many. `config_id` empty: those of
/// the app that no integration has. The dedupe keys stay until retention takes them.
std::int64_t remove_webhooks(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                             std::string_view app_id, std::int64_t rows_max);

/// When the first open event of the integration is due.
std::optional<std::int64_t> next_webhook_ms(Connection& connection, std::string_view config_id);
/// The integration's webhook job, if there is one, is due at `at_ms` or before, and other hosts hear of it. One that
/// runs now comes back at once should its holder put it off: it may have decided so before it could know.
void wake_webhook_job(Connection& connection, std::string_view config_id, std::int64_t at_ms);

/// Where events go, and the job that works them off.
struct WebhookTarget {
  enum class Job { none, waiting, running, dead };
  std::string config_id, tenant_id;
  bool is_enabled{};
  Job job{Job::none};
  std::int64_t job_due_at_ms{};
  // What the events of this transaction ask for.
  std::optional<std::int64_t> due_at_ms;
  std::int64_t now_ms{};
};
/// Those of `config_ids` that exist, in the order of their ids. Until the transaction ends none of them can be removed,
/// and no job of theirs can end without having seen the transaction's events (see Jobs::finish): integrations and jobs are
/// locked FOR KEY SHARE.
std::vector<WebhookTarget> find_webhook_targets(Connection& connection, std::span<const std::string> config_ids);
/// NOT_FOUND: the tenant has no such integration.
Result<WebhookTarget> find_webhook_target(Connection& connection, std::string_view tenant_id, std::string_view config_id);
/// NOT_FOUND: the tenant has no such app; it cannot be removed before the transaction ends.
Result<void> require_app(Connection& connection, std::string_view tenant_id, std::string_view app_id);

/// Notes in `target` that its job must be due at `due_at_ms`. True: that makes or wakes it, and the runner should look. A
/// disabled integration's job is left to sleep, and one that runs looks once more before it ends.
bool require_webhook_job(WebhookTarget& target, std::int64_t due_at_ms, std::int64_t now_ms);
/// Makes and wakes the jobs that were noted, and tells the other hosts.
void write_webhook_jobs(Connection& connection, std::span<const WebhookTarget> targets);

}  // namespace tomada::store::postgres
