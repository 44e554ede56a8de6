#include "host/store/webhooks.hpp"

#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"
#include "host/store/sqlite/webhook_intake.hpp"
#include "host/store/sqlite/webhook_queue.hpp"
#include "host/store/sqlite/webhook_retention.hpp"
#include "host/store/sqlite/webhook_rows.hpp"

#include <limits>
#include <mutex>

namespace tomada::store::sqlite {
namespace {

constexpr std::size_t k_replay_batch_max = 1'000;  // rows of one transaction
// An id is never made before its event is received, by any clock that is this wrong.
constexpr std::int64_t k_clock_error_max_ms = 60'000;

std::vector<Webhook> read_list(Statement& query, std::string_view tenant_id, std::string_view config_id) {
  std::vector<Webhook> webhooks;
  while (query.step()) webhooks.push_back(read_webhook(query, tenant_id, config_id));
  return webhooks;
}

/// The integration's number, or k_no_config for what came to the tenant's app and no integration has.
Result<std::int64_t> find_owner(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                std::string_view app_id) {
  if (!config_id.empty()) return find_config_no(connection, tenant_id, config_id);
  TOMADA_TRY_ASSIGN(const auto target, find_webhook_target(connection, tenant_id, config_id, app_id));
  return target.config_no;
}

Result<std::optional<Webhook>> find_one(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                        std::int64_t webhook_id) {
  if (!config_id.empty()) {
    TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
    return find_webhook(connection, config_no, webhook_id, tenant_id, config_id);
  }
  auto webhook = find_webhook(connection, k_no_config, webhook_id, tenant_id, config_id);
  if (webhook && find_owner(connection, tenant_id, config_id, webhook->app_id).has_error()) webhook.reset();
  return webhook;
}

class SqliteWebhooks final : public Webhooks {
 public:
  explicit SqliteWebhooks(Database& database) : database_(database) {}

  Result<Acceptance> accept(runtime::Task& task, std::span<const NewWebhook> events) override {
    std::vector<WebhookKey> keys;
    keys.reserve(events.size());
    for (const NewWebhook& event : events) keys.push_back(webhook_key(event));
    return database_.write_whole(task, [&](Connection& connection) { return intake_.accept(connection, events, keys); });
  }

  Result<void> reject(runtime::Task& task, const NewWebhook& event, std::size_t keep_max) override {
    return database_.write(task, [&](Connection& connection) { return reject_webhook(connection, event, keep_max); });
  }

  Result<std::int64_t> reclaim(runtime::Task& task, const Job& job, std::int64_t now_ms) override {
    return database_.write(task, [&](Connection& connection) { return reclaim_webhooks(connection, job, now_ms); });
  }

  Result<std::vector<Webhook>> take(runtime::Task& task, const Job& job, std::int64_t now_ms, bool ordered,
                                    std::size_t limit) override {
    return database_.write(
        task, [&](Connection& connection) { return take_webhooks(connection, job, now_ms, ordered, limit); });
  }

  Result<PageOutcome> finish(runtime::Task& task, const WebhookOutcome& outcome) override {
    const auto run = [&](Connection& connection) { return finish_webhook(connection, outcome); };
    if (!outcome.page && outcome.values.empty()) return database_.write_whole(task, run);
    return database_.write(task, run);
  }

  Result<std::vector<Webhook>> list(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                    std::string_view app_id, const WebhookFilter& filter) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<Webhook>> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_owner(connection, tenant_id, config_id, app_id));
      const std::int64_t before_id = filter.before_id != 0 ? filter.before_id : std::numeric_limits<std::int64_t>::max();
      const std::int64_t from_id =
          filter.since_ms ? (*filter.since_ms - k_clock_error_max_ms) * (std::int64_t{1} << k_webhook_id_unique_bits) : 0;
      std::optional<std::int64_t> verified;
      if (filter.signature_verified) verified = *filter.signature_verified ? 1 : 0;
#define TOMADA_WEBHOOKS_LISTED                                                                                   \
  " WHERE e.config_no = ?1 AND e.webhook_id < ?2 AND e.webhook_id >= ?3 AND (?4 = '' OR e.processing_status = ?4)" \
  " AND (?5 = '' OR e.event_type = ?5) AND (?6 IS NULL OR e.signature_verified = ?6)"                             \
  " AND (?7 IS NULL OR e.received_at_ms >= ?7) AND (?8 IS NULL OR e.received_at_ms < ?8)"                         \
  " AND (?9 = '' OR e.app_id = ?9)"
      // Few fail, so these have an index; everything else is found from the newest on.
      auto query = filter.status == "failed"
                       ? connection.prepare("SELECT " TOMADA_WEBHOOK_COLUMNS
                                            " FROM webhook_events e INDEXED BY webhook_events_failed" TOMADA_WEBHOOKS_LISTED
                                            " AND e.processing_status = 'failed' ORDER BY e.webhook_id DESC LIMIT ?10")
                       : connection.prepare("SELECT " TOMADA_WEBHOOK_COLUMNS " FROM webhook_events e" TOMADA_WEBHOOKS_LISTED
                                            " ORDER BY e.webhook_id DESC LIMIT ?10");
#undef TOMADA_WEBHOOKS_LISTED
      query.bind(config_no, before_id, from_id, filter.status, filter.event_type, verified, filter.since_ms,
                 filter.until_ms, app_id, filter.limit);
      return read_list(query, tenant_id, config_id);
    });
  }

  Result<std::optional<Webhook>> find(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                      std::int64_t webhook_id) override {
    return database_.read(task, [&](Connection& connection) { return find_one(connection, tenant_id, config_id, webhook_id); });
  }

  Result<std::vector<WebhookAttempt>> attempts(runtime::Task& task, std::string_view tenant_id,
                                               std::string_view config_id, std::int64_t webhook_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<WebhookAttempt>> {
      TOMADA_TRY_ASSIGN(const auto webhook, find_one(connection, tenant_id, config_id, webhook_id));
      std::vector<WebhookAttempt> attempts;
      if (!webhook) return attempts;
      auto query = connection.prepare(
          "SELECT attempt, started_at_ms, duration_us, error_code, error_message FROM webhook_attempts"
          " WHERE webhook_id = ?1 ORDER BY attempt");
      query.bind(webhook_id);
      while (query.step())
        attempts.push_back({.attempt = query.integer(0),
                            .started_at_ms = query.integer(1),
                            .duration_us = query.integer(2),
                            .error_code = query.text(3),
                            .error_message = query.text(4)});
      return attempts;
    });
  }

  Result<std::int64_t> replay(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                              const WebhookReplay& replay, std::int64_t now_ms) override {
    TOMADA_TRY_ASSIGN(const auto found, database_.read(task, [&](Connection& connection) {
      return find_replayable(connection, tenant_id, config_id, replay, now_ms, k_replay_max);
    }));
    std::int64_t replayed_count = 0;
    for (std::span rest(found); !rest.empty();) {
      const auto batch = rest.first(std::min(k_replay_batch_max, rest.size()));
      rest = rest.subspan(batch.size());
      TOMADA_TRY_ASSIGN(const auto count, database_.write(task, [&](Connection& connection) {
        return replay_webhooks(connection, tenant_id, config_id, batch, now_ms);
      }));
      replayed_count += count;
    }
    return replayed_count;
  }

  Result<std::int64_t> trim(runtime::Task& task, const WebhookRetention& retention) override {
    std::string keys_seen;
    {
      const std::lock_guard lock(keys_seen_mutex_);
      keys_seen = keys_seen_;
    }
    TOMADA_TRY_ASSIGN(const auto trim, database_.read(task, [&](Connection& connection) -> Result<WebhookTrim> {
      return find_trim(connection, retention, keys_seen);
    }));
    {
      const std::lock_guard lock(keys_seen_mutex_);
      keys_seen_ = trim.keys_seen;
    }
    if (trim.events.empty() && trim.payloads.empty() && trim.keys.empty() && trim.new_keys.empty()) return 0;
    return database_.write(task, [&](Connection& connection) -> Result<std::int64_t> {
      if (!trim.new_keys.empty()) intake_.forget_keys();
      return apply_trim(connection, trim);
    });
  }

  Result<Counts> counts(runtime::Task& task) override {
    return database_.read(task, [&](Connection& connection) -> Result<Counts> {
      Counts counts;
      auto open = connection.prepare(
          "SELECT count(*) FROM webhook_events INDEXED BY webhook_events_open WHERE next_processing_at_ms IS NOT NULL");
      if (open.step()) counts.pending = open.integer(0);
      auto failed = connection.prepare(
          "SELECT count(*) FROM webhook_events INDEXED BY webhook_events_failed WHERE processing_status = 'failed'"
          " AND signature_verified = 1");
      if (failed.step()) counts.failed = failed.integer(0);
      return counts;
    });
  }

 private:
  Database& database_;
  WebhookIntake intake_;  // used by the writer's thread alone
  std::mutex keys_seen_mutex_;
  std::string keys_seen_;  // where the look for old keys goes on; a restart begins anew
};

}  // namespace

std::unique_ptr<Webhooks> make_webhooks(Database& database) { return std::make_unique<SqliteWebhooks>(database); }

}  // namespace tomada::store::sqlite
