// Received webhooks (tables webhook_events, webhook_payloads, webhook_attempts) and the queue that they are.
#pragma once

#include "host/runtime/task.hpp"
#include "host/store/jobs.hpp"
#include "host/store/records.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::store {

/* One pending event is one row that is due; nothing else waits for it. Each integration with such rows has one job of
 * kind "webhook" (made in the commit that stores the first), whose holder takes and finishes its events. */

/// An event to be stored.
struct NewWebhook {
  std::int64_t webhook_id{};  // from make_webhook_id(): by time, unique
  std::string tenant_id;
  std::string config_id;   // empty: an account that no integration has (app webhooks)
  std::string app_id;      // empty: came to the integration's own address
  std::string event_id;    // the provider's, unique for each integration
  std::string event_type;
  std::string subject;     // events of one subject are worked off in order; empty: in any
  std::string headers;     // "Name: value\n"…, without what is secret
  std::string body;        // raw
  std::string source_ip;
  std::int64_t received_at_ms{};
  bool signature_verified{true};
  std::string processing_status{"pending"};  // pending | processing (an inline call begins) | ignored | failed (unverified)
  std::string processing_error;              // why ignored or refused
  std::int64_t next_processing_at_ms{};      // pending: not before; processing: given up then
};

struct AcceptedWebhook {
  std::int64_t webhook_id{};  // of the event stored now, or of the one that was stored before
  bool duplicate{false};
};
struct Acceptance {
  std::vector<AcceptedWebhook> events;  // in the order given
  bool wakes_job{false};                // a job of the runner became due: kick it
};

struct Webhook {
  std::int64_t webhook_id{};
  std::string tenant_id, config_id, app_id;
  std::string event_id, event_type, subject;
  std::string source_ip;
  bool signature_verified{true};
  std::string processing_status;  // pending | processing | completed | failed | partial | ignored
  std::int64_t processing_attempts{};
  std::optional<std::int64_t> next_processing_at_ms;  // pending
  std::optional<std::int64_t> processed_at_ms;
  std::string error_code, processing_error;  // of the last attempt
  std::int64_t received_at_ms{};
  std::int64_t body_bytes{};
  // Only from find() and take(); both empty when retention dropped them.
  std::string headers, body;
};

struct WebhookAttempt {
  std::int64_t attempt{};
  std::int64_t started_at_ms{};
  std::int64_t duration_us{};
  std::string error_code;  // empty: it succeeded
  std::string error_message;
};

/// The end of one attempt. Effects, attempt and state change together or not at all.
struct WebhookOutcome {
  std::string tenant_id, config_id;
  std::int64_t webhook_id{};
  std::int64_t attempt{};         // Webhook::processing_attempts as taken; another one is refused with CONFLICT
  std::string processing_status;  // completed | partial | failed | pending (again at next_processing_at_ms)
  std::int64_t next_processing_at_ms{};
  bool counts_attempt{true};      // pending: false gives the attempt back
  std::int64_t started_at_ms{}, duration_us{}, now_ms{};
  std::string error_code, error_message;

  std::optional<Page> page;  // source "webhook"; sync_id, cursor and complete_since empty
  std::vector<std::pair<std::string, std::optional<std::string>>> values;  // plugin_values; nullopt: removed
};

struct WebhookFilter {
  std::string status, event_type;  // empty: all
  std::optional<bool> signature_verified;
  std::optional<std::int64_t> since_ms, until_ms;  // received, since <= t < until
  std::int64_t before_id{0};                       // 0: the newest
  std::size_t limit{100};
};

/// What a replay is about. All conditions hold together; unverified events are never replayed.
struct WebhookReplay {
  std::vector<std::int64_t> webhook_ids;  // empty: any
  std::optional<std::int64_t> since_ms, until_ms;
  std::string status;  // "failed": the dead ones; empty: completed, partial, failed and ignored
};

struct WebhookRetention {
  std::int64_t finished_before_ms{};  // completed, partial, ignored: received before
  std::int64_t failed_before_ms{};    // failed
  std::int64_t payload_bytes_max{};   // above it the oldest payloads of finished events go, their rows stay
  std::int64_t keys_before_ms{};      // dedupe keys are kept at least as long as this, whatever happens to the event
  std::size_t rows_max{1'000};        // of one step
};

class Webhooks {
 public:
  virtual ~Webhooks() = default;

  /// Stores the events and makes or wakes the jobs of their integrations: one transaction, shared with others by group
  /// commit. An event whose (integration, event_id) is known changes nothing and is a duplicate.
  virtual Result<Acceptance> accept(runtime::Task& task, std::span<const NewWebhook> events) = 0;
  /// A refused request, for the operator's eyes: status "failed", not verified, no dedupe key; of each integration the
  /// newest `keep_max` stay.
  virtual Result<void> reject(runtime::Task& task, const NewWebhook& event, std::size_t keep_max) = 0;

  /// For the holder of the integration's job. Begins: events that an earlier holder had in hand (processing, and their
  /// next_processing_at has come) are pending again.
  virtual Result<std::int64_t> reclaim(runtime::Task& task, const Job& job, std::int64_t now_ms) = 0;
  /// The next due events, oldest first, marked processing with one more attempt. With `ordered`, events of a subject
  /// that has an earlier one waiting for its retry or in hand are left out. CONFLICT: the job's lease is lost.
  virtual Result<std::vector<Webhook>> take(runtime::Task& task, const Job& job, std::int64_t now_ms, bool ordered,
                                            std::size_t limit) = 0;
  /// CONFLICT: not in hand, or another attempt has it.
  virtual Result<PageOutcome> finish(runtime::Task& task, const WebhookOutcome& outcome) = 0;

  /// Newest first, without headers and body. `config_id` empty: those of the app that no integration has.
  virtual Result<std::vector<Webhook>> list(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                            std::string_view app_id, const WebhookFilter& filter) = 0;
  virtual Result<std::optional<Webhook>> find(runtime::Task& task, std::string_view tenant_id,
                                              std::string_view config_id, std::int64_t webhook_id) = 0;
  virtual Result<std::vector<WebhookAttempt>> attempts(runtime::Task& task, std::string_view tenant_id,
                                                       std::string_view config_id, std::int64_t webhook_id) = 0;
  /// Makes finished events pending again, with no attempts, and wakes the job. Returns how many. At most
  /// k_replay_max in one call: call again while it returns that many.
  static constexpr std::int64_t k_replay_max = 10'000;
  virtual Result<std::int64_t> replay(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                      const WebhookReplay& replay, std::int64_t now_ms) = 0;

  /// One step of retention; returns how many rows went: call again while there are any.
  virtual Result<std::int64_t> trim(runtime::Task& task, const WebhookRetention& retention) = 0;
  struct Counts { std::int64_t pending{}, failed{}; };
  /// For metrics and health: the operator's view.
  virtual Result<Counts> counts(runtime::Task& task) = 0;
};

/// 41 bits of milliseconds, 22 bits that make it unique in this process and, but for one in four million, between
/// processes. Grows with each call. Thread-safe.
std::int64_t make_webhook_id(std::int64_t now_ms);
/// 16 hex digits, as the API shows it; sorts by time.
std::string format_webhook_id(std::int64_t webhook_id);
std::optional<std::int64_t> parse_webhook_id(std::string_view text);

}  // namespace tomada::store
