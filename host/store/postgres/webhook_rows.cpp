#include "host/store/postgres/webhook_rows.hpp"

#include "host/base/uuid.hpp"

#include <algorithm>
#include <chrono>

namespace tomada::store::postgres {
namespace {

constexpr std::int64_t k_remove_batch_max = 10'000;
constexpr int k_columns_count = 15;

}  // namespace

Webhook read_webhook(const Row& row, std::string_view tenant_id, std::string_view config_id) {
  Webhook webhook;
  webhook.webhook_id = row.integer(0);
  webhook.tenant_id = tenant_id;
  webhook.config_id = config_id;
  webhook.event_id = row.text(1);
  webhook.event_type = row.text(2);
  webhook.subject = row.text(3);
  webhook.app_id = row.text(4);
  webhook.source_ip = row.text(5);
  webhook.signature_verified = row.boolean(6);
  webhook.processing_status = row.text(7);
  webhook.processing_attempts = row.integer(8);
  if (webhook.processing_status == "pending") webhook.next_processing_at_ms = row.optional_integer(9);
  webhook.processed_at_ms = row.optional_integer(10);
  webhook.error_code = row.text(11);
  webhook.processing_error = row.text(12);
  webhook.received_at_ms = row.integer(13);
  webhook.body_bytes = row.integer(14);
  return webhook;
}

Webhook read_whole_webhook(const Row& row, std::string_view tenant_id, std::string_view config_id) {
  Webhook webhook = read_webhook(row, tenant_id, config_id);
  webhook.headers = row.bytes(k_columns_count);
  webhook.body = row.bytes(k_columns_count + 1);
  return webhook;
}

std::int64_t remove_webhooks(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                             std::string_view app_id, std::int64_t rows_max) {
  // = ANY(ARRAY(…)): the planner knows nothing of the number of rows in a WITH, and must not read a whole table for it.
#define TOMADA_WEBHOOKS_REMOVED(which)                                                                            \
  "WITH gone AS MATERIALIZED (SELECT webhook_id FROM integrations.webhook_log WHERE " which                       \
  " AND tenant_id = $2 ORDER BY webhook_id LIMIT $3 FOR UPDATE),"                                                 \
  " log AS (DELETE FROM integrations.webhook_log WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM gone))),"    \
  " attempts AS (DELETE FROM integrations.webhook_attempts WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM gone)))," \
  " payloads AS (DELETE FROM integrations.webhook_payloads WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM gone))"   \
  " RETURNING octet_length(headers) + octet_length(body) AS bytes),"                                              \
  " counted AS (INSERT INTO integrations.webhook_payload_changes SELECT -sum(bytes) FROM payloads HAVING count(*) > 0)" \
  " SELECT count(*) FROM gone"
  std::int64_t removed_count = 0;
  for (;;) {
    const std::int64_t batch = std::min(k_remove_batch_max, rows_max - removed_count);
    const Rows rows = config_id.empty()
                          ? connection.query(TOMADA_WEBHOOKS_REMOVED("app_id = $1 AND config_id IS NULL"), app_id, tenant_id, batch)
                          : connection.query(TOMADA_WEBHOOKS_REMOVED("config_id = $1"), config_id, tenant_id, batch);
#undef TOMADA_WEBHOOKS_REMOVED
    const std::int64_t count = rows.empty() ? 0 : rows.front().integer(0);
    removed_count += count;
    if (count < batch || removed_count == rows_max) return removed_count;
  }
}

std::optional<std::int64_t> next_webhook_ms(Connection& connection, std::string_view config_id) {
  const Rows rows = connection.query(
      "SELECT min(next_processing_at_ms) FROM integrations.webhook_log WHERE config_id = $1"
      " AND next_processing_at_ms IS NOT NULL",
      config_id);
  return rows.empty() ? std::nullopt : rows.front().optional_integer(0);
}

void wake_webhook_job(Connection& connection, std::string_view config_id, std::int64_t at_ms) {
  // 0: see k_retried in jobs.cpp.
  connection.run(
      "WITH woken AS (UPDATE integrations.jobs SET due_at_ms = CASE status WHEN 'running' THEN 0 WHEN 'dead' THEN $2::bigint"
      " ELSE least(due_at_ms, $2::bigint) END, status = CASE status WHEN 'running' THEN status ELSE 'waiting' END"
      " WHERE config_id = $1 AND kind = 'webhook' RETURNING 1)"
      " SELECT pg_notify('tomada_jobs', '') FROM woken",
      config_id, at_ms);
}

std::vector<WebhookTarget> find_webhook_targets(Connection& connection, std::span<const std::string> config_ids) {
  // Integrations before jobs, both in order: so that intakes and those who remove an integration do not wait in a circle.
  const Rows rows = connection.query(
      "WITH found AS MATERIALIZED (SELECT config_id, tenant_id, is_enabled FROM integrations.api_configurations"
      " WHERE config_id = ANY($1::uuid[]) ORDER BY config_id FOR KEY SHARE),"
      " job AS MATERIALIZED (SELECT config_id, status, due_at_ms FROM integrations.jobs"
      " WHERE kind = 'webhook' AND config_id = ANY(ARRAY(SELECT config_id FROM found)) ORDER BY config_id FOR KEY SHARE)"
      " SELECT f.config_id, f.tenant_id, f.is_enabled, j.status, j.due_at_ms FROM found f LEFT JOIN job j USING (config_id)"
      " ORDER BY f.config_id",
      array_of(config_ids, [](const std::string& id) -> const std::string& { return id; }));
  std::vector<WebhookTarget> targets;
  targets.reserve(rows.size());
  for (const Row row : rows) {
    WebhookTarget& target = targets.emplace_back();
    target.config_id = row.text(0);
    target.tenant_id = row.text(1);
    target.is_enabled = row.boolean(2);
    if (row.is_null(3)) continue;
    using Job = WebhookTarget::Job;
    const std::string_view status = row.view(3);
    target.job = status == "running" ? Job::running : status == "waiting" ? Job::waiting : Job::dead;
    target.job_due_at_ms = row.integer(4);
  }
  return targets;
}

Result<WebhookTarget> find_webhook_target(Connection& connection, std::string_view tenant_id, std::string_view config_id) {
  const std::string id(config_id);
  if (is_uuid(id)) {
    auto targets = find_webhook_targets(connection, {&id, 1});
    TOMADA_TRY(connection.take_result());
    if (!targets.empty() && targets.front().tenant_id == tenant_id) return std::move(targets.front());
  }
  return fail(Errc::not_found, "there is no integration " + id);
}

Result<void> require_app(Connection& connection, std::string_view tenant_id, std::string_view app_id) {
  if (is_uuid(app_id) && connection.run("SELECT 1 FROM integrations.apps WHERE app_id = $1 AND tenant_id = $2 FOR KEY SHARE",
                                        app_id, tenant_id) == 1)
    return {};
  TOMADA_TRY(connection.take_result());
  return fail(Errc::not_found, "there is no app " + std::string(app_id));
}

bool require_webhook_job(WebhookTarget& target, std::int64_t due_at_ms, std::int64_t now_ms) {
  using Job = WebhookTarget::Job;
  if (target.job == Job::running) return false;
  if (target.job == Job::waiting && (!target.is_enabled || target.job_due_at_ms <= due_at_ms)) return false;
  target.job = Job::waiting;
  target.job_due_at_ms = due_at_ms;
  target.due_at_ms = due_at_ms;
  target.now_ms = now_ms;
  return true;
}

void write_webhook_jobs(Connection& connection, std::span<const WebhookTarget> targets) {
  Array job_ids, tenant_ids, config_ids, due_at_ms, now_ms;
  bool any = false;
  for (const WebhookTarget& target : targets) {
    if (!target.due_at_ms) continue;
    any = true;
    job_ids.add(make_uuid_v7(std::chrono::system_clock::time_point(std::chrono::milliseconds(target.now_ms))));
    tenant_ids.add(target.tenant_id);
    config_ids.add(target.config_id);
    due_at_ms.add(*target.due_at_ms);
    now_ms.add(target.now_ms);
  }
  if (!any) return;
  // Another transaction may have made the job meanwhile, or its lease may have begun.
  connection.run(
      "WITH made AS (INSERT INTO integrations.jobs (job_id, tenant_id, config_id, kind, payload_json, due_at_ms, created_at_ms)"
      " SELECT job_id, tenant_id, config_id, 'webhook', '{}', due_at_ms, now_ms"
      " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[])"
      " AS t(job_id, tenant_id, config_id, due_at_ms, now_ms)"
      " ON CONFLICT (config_id) WHERE kind = 'webhook' DO UPDATE SET status = 'waiting',"
      " due_at_ms = CASE jobs.status WHEN 'dead' THEN excluded.due_at_ms ELSE least(jobs.due_at_ms, excluded.due_at_ms) END"
      " WHERE jobs.status IN ('waiting', 'dead') RETURNING 1)"
      " SELECT pg_notify('tomada_jobs', '') FROM made LIMIT 1",
      job_ids, tenant_ids, config_ids, due_at_ms, now_ms);
}

}  // namespace tomada::store::postgres
