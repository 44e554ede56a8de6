#include "host/store/sqlite/webhook_rows.hpp"

#include "host/base/uuid.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace tomada::store::sqlite {
namespace {

constexpr std::int64_t k_remove_batch_max = 1'000;
constexpr int k_columns_count = 15;

}  // namespace

Webhook read_webhook(const Statement& row, std::string_view tenant_id, std::string_view config_id) {
  Webhook webhook;
  webhook.webhook_id = row.integer(0);
  webhook.tenant_id = tenant_id;
  webhook.config_id = config_id;
  webhook.event_id = row.text(1);
  webhook.event_type = row.text(2);
  webhook.subject = row.text(3);
  webhook.app_id = row.text(4);
  webhook.source_ip = row.text(5);
  webhook.signature_verified = row.integer(6) != 0;
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

std::optional<Webhook> find_webhook(Connection& connection, std::int64_t config_no, std::int64_t webhook_id,
                                    std::string_view tenant_id, std::string_view config_id) {
  auto query = connection.prepare("SELECT " TOMADA_WEBHOOK_COLUMNS
                                  ", p.headers, p.body FROM webhook_events e"
                                  " LEFT JOIN webhook_payloads p ON p.webhook_id = e.webhook_id"
                                  " WHERE e.config_no = ?1 AND e.webhook_id = ?2");
  if (!query.first(config_no, webhook_id)) return std::nullopt;
  Webhook webhook = read_webhook(query, tenant_id, config_id);
  webhook.headers = query.text(k_columns_count);
  webhook.body = query.text(k_columns_count + 1);
  return webhook;
}

std::int64_t drop_payload(Connection& connection, std::int64_t webhook_id) {
  std::int64_t bytes = 0;
  {
    auto query = connection.prepare("SELECT length(headers) + length(body) FROM webhook_payloads WHERE webhook_id = ?1");
    if (!query.first(webhook_id)) return 0;
    bytes = query.integer(0);
  }
  connection.run("DELETE FROM webhook_payloads WHERE webhook_id = ?1", webhook_id);
  return bytes;
}

void add_payload_bytes(Connection& connection, std::int64_t bytes) {
  if (bytes != 0) connection.run("UPDATE webhook_payload_bytes SET total = total + ?1", bytes);
}

std::int64_t remove_webhooks(Connection& connection, std::int64_t config_no, std::string_view app_id,
                             std::int64_t rows_max) {
  std::int64_t removed_count = 0;
  std::int64_t bytes = 0;
  std::vector<std::int64_t> batch;
  do {
    batch.clear();
    {
      auto query = connection.prepare(
          "SELECT webhook_id FROM webhook_events WHERE config_no = ?1 AND (?2 = '' OR app_id = ?2)"
          " ORDER BY webhook_id LIMIT ?3");
      query.bind(config_no, app_id, std::min(k_remove_batch_max, rows_max - removed_count));
      while (query.step()) batch.push_back(query.integer(0));
    }
    for (const std::int64_t webhook_id : batch) {
      bytes += drop_payload(connection, webhook_id);
      connection.run("DELETE FROM webhook_attempts WHERE webhook_id = ?1", webhook_id);
      connection.run("DELETE FROM webhook_events WHERE config_no = ?1 AND webhook_id = ?2", config_no, webhook_id);
    }
    removed_count += static_cast<std::int64_t>(batch.size());
  } while (!batch.empty() && removed_count < rows_max && !connection.has_error());
  add_payload_bytes(connection, -bytes);
  return removed_count;
}

std::optional<std::int64_t> next_webhook_ms(Connection& connection, std::string_view config_id) {
  auto query = connection.prepare(
      "SELECT min(next_processing_at_ms) FROM webhook_events INDEXED BY webhook_events_open"
      " WHERE config_no = (SELECT config_no FROM api_configurations WHERE config_id = ?1)"
      " AND next_processing_at_ms IS NOT NULL");
  if (!query.first(config_id)) return std::nullopt;
  return query.optional_integer(0);
}

void wake_webhook_job(Connection& connection, std::string_view config_id, std::int64_t at_ms) {
  // 0: see end_job() in jobs.cpp.
  connection.run(
      "UPDATE jobs SET due_at_ms = CASE status WHEN 'running' THEN 0 WHEN 'dead' THEN ?2 ELSE min(due_at_ms, ?2) END,"
      " status = CASE status WHEN 'running' THEN status ELSE 'waiting' END"
      " WHERE config_id = ?1 AND kind = 'webhook'",
      config_id, at_ms);
}

Result<WebhookTarget> find_webhook_target(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                          std::string_view app_id) {
  WebhookTarget target{.tenant_id = tenant_id, .config_id = config_id, .app_id = app_id};
  if (config_id.empty()) {
    auto app = connection.prepare("SELECT 1 FROM apps WHERE app_id = ?1 AND tenant_id = ?2");
    if (!app.first(app_id, tenant_id)) return fail(Errc::not_found, "there is no app " + std::string(app_id));
    return target;
  }
  auto query = connection.prepare(
      "SELECT c.config_no, c.is_enabled, j.rowid, j.status, j.due_at_ms FROM api_configurations c"
      " LEFT JOIN jobs j INDEXED BY jobs_of_webhooks ON j.config_id = c.config_id AND j.kind = 'webhook'"
      " WHERE c.config_id = ?1 AND c.tenant_id = ?2");
  if (!query.first(config_id, tenant_id))
    return fail(Errc::not_found, "there is no integration " + std::string(config_id));
  target.config_no = query.integer(0);
  target.is_enabled = query.integer(1) != 0;
  if (const auto row = query.optional_integer(2)) {
    using Job = WebhookTarget::Job;
    const std::string_view status = query.view(3);
    target.job = status == "running" ? Job::running : status == "waiting" ? Job::waiting : Job::dead;
    target.job_row = *row;
    target.job_due_at_ms = query.integer(4);
  }
  return target;
}

bool require_webhook_job(Connection& connection, const WebhookTarget& target, std::int64_t due_at_ms,
                         std::int64_t now_ms) {
  using Job = WebhookTarget::Job;
  switch (target.job) {
    case Job::none:
      connection.run(
          "INSERT INTO jobs (job_id, tenant_id, config_id, kind, payload_json, due_at_ms, created_at_ms)"
          " VALUES (?1, ?2, ?3, 'webhook', '{}', ?4, ?5)",
          make_uuid_v7(std::chrono::system_clock::time_point(std::chrono::milliseconds(now_ms))), target.tenant_id,
          target.config_id, due_at_ms, now_ms);
      return true;
    case Job::running: return false;  // it looks once more before it ends
    case Job::waiting:
      if (!target.is_enabled || target.job_due_at_ms <= due_at_ms) return false;
      break;
    case Job::dead: break;
  }
  connection.run("UPDATE jobs SET status = 'waiting', due_at_ms = ?1 WHERE rowid = ?2", due_at_ms, target.job_row);
  return true;
}

}  // namespace tomada::store::sqlite
