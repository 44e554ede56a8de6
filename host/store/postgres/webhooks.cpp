#include "host/store/webhooks.hpp"

#include "host/base/uuid.hpp"
#include "host/store/postgres/parts.hpp"
#include "host/store/postgres/webhook_group.hpp"
#include "host/store/postgres/webhook_intake.hpp"
#include "host/store/postgres/webhook_queue.hpp"
#include "host/store/postgres/webhook_retention.hpp"
#include "host/store/postgres/webhook_rows.hpp"

#include <limits>
#include <mutex>

namespace tomada::store::postgres {
namespace {

constexpr std::size_t k_replay_batch_max = 1'000;  // rows of one transaction
// An id is never made before its event is received, by any clock that is this wrong.
constexpr std::int64_t k_clock_error_max_ms = 60'000;

/// NOT_FOUND: the tenant has no such integration; with `config_id` empty, no such app.
Result<void> find_owner(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                        std::string_view app_id) {
  const bool is_app = config_id.empty();
  const std::string id(is_app ? app_id : config_id);
  const auto has = [&] {
    return is_app ? connection.run("SELECT 1 FROM integrations.apps WHERE app_id = $1 AND tenant_id = $2", id, tenant_id)
                  : connection.run("SELECT 1 FROM integrations.api_configurations WHERE config_id = $1 AND tenant_id = $2", id,
                                   tenant_id);
  };
  if (is_uuid(id) && has() == 1) return {};
  TOMADA_TRY(connection.take_result());
  return fail(Errc::not_found, (is_app ? "there is no app " : "there is no integration ") + id);
}

Result<std::optional<Webhook>> find_one(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                        std::int64_t webhook_id) {
  if (!config_id.empty()) TOMADA_TRY(find_owner(connection, tenant_id, config_id, {}));
  const Rows rows = connection.query("SELECT " TOMADA_WEBHOOK_COLUMNS TOMADA_WEBHOOK_PAYLOAD
                                     " FROM integrations.webhook_log e WHERE e.webhook_id = $1 AND e.tenant_id = $2"
                                     " AND e.config_id IS NOT DISTINCT FROM $3",
                                     webhook_id, tenant_id, id_or_null(config_id));
  if (rows.empty()) return std::nullopt;
  return read_whole_webhook(rows.front(), tenant_id, config_id);
}

Rows list_events(Connection& connection, std::string_view tenant_id, std::string_view config_id, std::string_view app_id,
                 const WebhookFilter& filter) {
  const std::int64_t before_id = filter.before_id != 0 ? filter.before_id : std::numeric_limits<std::int64_t>::max();
  const std::int64_t from_id =
      filter.since_ms ? (*filter.since_ms - k_clock_error_max_ms) * (std::int64_t{1} << k_webhook_id_unique_bits) : 0;
#define TOMADA_WEBHOOKS_LISTED(which)                                                                          \
  "SELECT " TOMADA_WEBHOOK_COLUMNS " FROM integrations.webhook_log e WHERE " which                            \
  " AND e.tenant_id = $11 AND e.webhook_id < $2 AND e.webhook_id >= $3 AND ($4 = '' OR e.processing_status = $4)"              \
  " AND ($5 = '' OR e.event_type = $5) AND ($6::boolean IS NULL OR e.signature_verified = $6)"                \
  " AND ($7::bigint IS NULL OR e.received_at_ms >= $7) AND ($8::bigint IS NULL OR e.received_at_ms < $8)"     \
  " AND ($9::uuid IS NULL OR e.app_id = $9) ORDER BY e.webhook_id DESC LIMIT $10"
  const auto list = [&](Sql sql) {
    return connection.query(sql, config_id.empty() ? Parameter(app_id) : Parameter(config_id), before_id, from_id, filter.status,
                            filter.event_type, filter.signature_verified, filter.since_ms, filter.until_ms,
                            id_or_null(app_id), filter.limit, tenant_id);
  };
  if (config_id.empty()) return list(TOMADA_WEBHOOKS_LISTED("e.config_id IS NULL AND e.app_id = $1"));
  // Few fail, so these have an index; everything else is found from the newest on.
  if (filter.status == "failed") return list(TOMADA_WEBHOOKS_LISTED("e.processing_status = 'failed' AND e.config_id = $1"));
  return list(TOMADA_WEBHOOKS_LISTED("e.config_id = $1"));
#undef TOMADA_WEBHOOKS_LISTED
}

class PostgresWebhooks final : public Webhooks {
 public:
  PostgresWebhooks(Database& database, Intake& intake) : database_(database), intake_(intake) {}

  Result<Acceptance> accept(runtime::Task& task, std::span<const NewWebhook> events) override {
    return intake_.accept(task, events);
  }

  Result<void> reject(runtime::Task& task, const NewWebhook& event, std::size_t keep_max) override {
    return database_.write(task, event.tenant_id,
                           [&](Connection& connection) { return reject_webhook(connection, event, keep_max); });
  }

  Result<std::int64_t> reclaim(runtime::Task& task, const Job& job, std::int64_t now_ms) override {
    return database_.write(task, job.tenant_id,
                           [&](Connection& connection) { return reclaim_webhooks(connection, job, now_ms); });
  }

  Result<std::vector<Webhook>> take(runtime::Task& task, const Job& job, std::int64_t now_ms, bool ordered,
                                    std::size_t limit) override {
    return database_.write(task, job.tenant_id, [&](Connection& connection) {
      return take_webhooks(connection, job, now_ms, ordered, limit);
    });
  }

  Result<PageOutcome> finish(runtime::Task& task, const WebhookOutcome& outcome) override {
    return database_.write_together(task, outcome.tenant_id, outcome.config_id,
                                    [&](Connection& connection) { return finish_webhook(connection, outcome); });
  }

  Result<std::vector<Webhook>> list(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                    std::string_view app_id, const WebhookFilter& filter) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<Webhook>> {
      TOMADA_TRY(find_owner(connection, tenant_id, config_id, app_id));
      std::vector<Webhook> webhooks;
      for (const Row row : list_events(connection, tenant_id, config_id, app_id, filter))
        webhooks.push_back(read_webhook(row, tenant_id, config_id));
      return webhooks;
    });
  }

  Result<std::optional<Webhook>> find(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                      std::int64_t webhook_id) override {
    return database_.read(task, tenant_id,
                          [&](Connection& connection) { return find_one(connection, tenant_id, config_id, webhook_id); });
  }

  Result<std::vector<WebhookAttempt>> attempts(runtime::Task& task, std::string_view tenant_id,
                                               std::string_view config_id, std::int64_t webhook_id) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<WebhookAttempt>> {
      TOMADA_TRY_ASSIGN(const auto webhook, find_one(connection, tenant_id, config_id, webhook_id));
      std::vector<WebhookAttempt> attempts;
      if (!webhook) return attempts;
      const Rows rows = connection.query(
          "SELECT attempt, started_at_ms, duration_us, error_code, error_message FROM integrations.webhook_attempts"
          " WHERE webhook_id = $1 AND tenant_id = $2 ORDER BY attempt",
          webhook_id, tenant_id);
      for (const Row row : rows)
        attempts.push_back({.attempt = row.integer(0),
                            .started_at_ms = row.integer(1),
                            .duration_us = row.integer(2),
                            .error_code = row.text(3),
                            .error_message = row.text(4)});
      return attempts;
    });
  }

  Result<std::int64_t> replay(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                              const WebhookReplay& replay, std::int64_t now_ms) override {
    TOMADA_TRY_ASSIGN(const auto found, database_.read(task, tenant_id, [&](Connection& connection) {
      return find_replayable(connection, tenant_id, config_id, replay, now_ms, k_replay_max);
    }));
    std::int64_t replayed_count = 0;
    for (std::span rest(found); !rest.empty();) {
      const auto batch = rest.first(std::min(k_replay_batch_max, rest.size()));
      rest = rest.subspan(batch.size());
      TOMADA_TRY_ASSIGN(const auto count, database_.write(task, tenant_id, [&](Connection& connection) {
        return replay_webhooks(connection, tenant_id, config_id, batch, now_ms);
      }));
      replayed_count += count;
    }
    return replayed_count;
  }

  Result<std::int64_t> trim(runtime::Task& task, const WebhookRetention& retention) override {
    struct Step {
      std::int64_t removed_count{};
      WebhookTrimPlace place;
    };
    const auto from = [this] {
      const std::lock_guard lock(place_mutex_);
      return place_;
    }();
    TOMADA_TRY_ASSIGN(const auto step, database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<Step> {
      Step made{.place = from};
      made.removed_count = trim_webhooks(connection, retention, made.place);
      return made;
    }));
    const std::lock_guard lock(place_mutex_);
    place_ = step.place;
    return step.removed_count;
  }

  Result<Counts> counts(runtime::Task& task) override {
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<Counts> {
      const Rows rows = connection.query(
          "SELECT (SELECT count(*) FROM integrations.webhook_log WHERE next_processing_at_ms IS NOT NULL),"
          " (SELECT count(*) FROM integrations.webhook_log WHERE processing_status = 'failed' AND signature_verified)");
      if (rows.empty()) return Counts{};
      return Counts{.pending = rows.front().integer(0), .failed = rows.front().integer(1)};
    });
  }

 private:
  Database& database_;
  Intake& intake_;
  std::mutex place_mutex_;
  WebhookTrimPlace place_;  // a restart begins anew
};

}  // namespace

std::unique_ptr<Webhooks> make_webhooks(Database& database, Intake& intake) {
  return std::make_unique<PostgresWebhooks>(database, intake);
}

}  // namespace tomada::store::postgres
