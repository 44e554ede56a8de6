#include "host/store/postgres/webhook_queue.hpp"

#include "host/base/assert.hpp"
#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/page_commit.hpp"
#include "host/store/postgres/webhook_rows.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace tomada::store::postgres {
namespace {

constexpr std::int64_t k_take_bytes_max = 8 * 1024 * 1024;  // of bodies; the first event is taken whatever its size
constexpr std::size_t k_take_skip_max = 2'000;              // events looked at and left out, for one take

/// CONFLICT: the lease on the job is lost. Otherwise nobody takes it before the transaction ends.
Result<void> check_lease(Connection& connection, const Job& job) {
  if (connection.run("SELECT 1 FROM integrations.jobs WHERE job_id = $1 AND fencing_token = $2 AND status = 'running'"
                     " AND config_id = $3 AND tenant_id = $4 FOR SHARE",
                     job.job_id, job.fencing_token, job.config_id, job.tenant_id) == 1)
    return {};
  TOMADA_TRY(connection.take_result());
  return fail(Errc::conflict, "the lease on job " + job.job_id + " is lost");
}

/* Of the first `looked_at_max` due events: those that may run, up to `limit`. With `ordered`, only the first open event of a
 * subject may; those behind one that waits for its retry wait as long: they would be looked at again in each take, and the
 * job would be due for them.
 * The statement is made so that it can only go by the subject's index, whatever the planner knows: LATERAL with a LIMIT or
 * OFFSET runs for each row, and IS NOT DISTINCT FROM and a difference fit no other index. */
#define TOMADA_OPEN_OF_SUBJECT(of)                                                                                     \
  " l.subject_key = " of ".subject_key AND l.subject = " of ".subject AND l.config_id IS NOT DISTINCT FROM $1::uuid" \
  " AND l.next_processing_at_ms IS NOT NULL"
Rows take_some(Connection& connection, const Job& job, std::int64_t now_ms, bool ordered, std::size_t limit,
               std::size_t looked_at_max) {
  return connection.query(
      "WITH due AS MATERIALIZED (SELECT webhook_id, subject, subject_key, body_bytes, next_processing_at_ms"
      " FROM integrations.webhook_log WHERE config_id = $1 AND next_processing_at_ms <= $2 AND processing_status = 'pending'"
      " ORDER BY next_processing_at_ms, webhook_id LIMIT $5),"
      " looked_at AS MATERIALIZED (SELECT d.*, f.first_id, f.first_at_ms FROM due d LEFT JOIN LATERAL"
      " (SELECT webhook_id AS first_id, next_processing_at_ms AS first_at_ms FROM integrations.webhook_log l"
      " WHERE $3::boolean AND" TOMADA_OPEN_OF_SUBJECT("d") " ORDER BY webhook_id LIMIT 1) f ON true),"
      " blocked AS MATERIALIZED (SELECT DISTINCT subject, subject_key, first_id, first_at_ms FROM looked_at"
      " WHERE first_at_ms > $2),"
      " put_off AS (UPDATE integrations.webhook_log e SET next_processing_at_ms ="
      " (SELECT first_at_ms FROM blocked b WHERE b.subject_key = e.subject_key AND b.subject = e.subject)"
      " WHERE webhook_id = ANY(ARRAY(SELECT o.webhook_id FROM blocked b CROSS JOIN LATERAL"
      " (SELECT webhook_id FROM integrations.webhook_log l WHERE" TOMADA_OPEN_OF_SUBJECT("b")
      " AND l.next_processing_at_ms - $2 <= 0 AND l.webhook_id - b.first_id > 0 AND l.processing_status = 'pending'"
      " OFFSET 0) o)) AND e.processing_status = 'pending' AND e.next_processing_at_ms IS NOT NULL),"
      " free AS (SELECT webhook_id, next_processing_at_ms, body_bytes FROM looked_at"
      " WHERE first_id IS NULL OR first_id = webhook_id ORDER BY next_processing_at_ms, webhook_id LIMIT $4),"
      " sized AS (SELECT webhook_id, row_number() OVER in_order AS number, sum(body_bytes) OVER in_order AS bytes FROM free"
      " WINDOW in_order AS (ORDER BY next_processing_at_ms, webhook_id))"
      " UPDATE integrations.webhook_log e SET processing_status = 'processing', processing_attempts = processing_attempts + 1"
      " WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM sized WHERE number = 1 OR bytes <= $6))"
      " AND processing_status = 'pending' RETURNING " TOMADA_WEBHOOK_COLUMNS TOMADA_WEBHOOK_PAYLOAD,
      job.config_id, now_ms, ordered, limit, looked_at_max, k_take_bytes_max);
}
#undef TOMADA_OPEN_OF_SUBJECT

/// One statement, so that the attempt is noted only when it is this one's. False: another attempt has it, or none.
bool end_attempt(Connection& connection, const WebhookOutcome& outcome) {
  // An attempt that was given back is replaced by the next one, which has its number.
#define TOMADA_ATTEMPT_ENDED(change)                                                                                \
  "WITH ended AS (UPDATE integrations.webhook_log SET error_code = $7, processing_error = $8, " change             \
  " WHERE webhook_id = $1 AND config_id = $3 AND tenant_id = $4 AND processing_status = 'processing'"              \
  " AND processing_attempts = $2 RETURNING webhook_id)"                                                            \
  " INSERT INTO integrations.webhook_attempts"                                                                     \
  " (webhook_id, attempt, tenant_id, started_at_ms, duration_us, error_code, error_message)"                       \
  " SELECT webhook_id, $2, $4, $5, $6, $7, $8 FROM ended ON CONFLICT (webhook_id, attempt) DO UPDATE SET"          \
  " started_at_ms = excluded.started_at_ms, duration_us = excluded.duration_us, error_code = excluded.error_code," \
  " error_message = excluded.error_message"
  if (outcome.processing_status == "pending")
    return connection.run(TOMADA_ATTEMPT_ENDED("processing_status = 'pending', next_processing_at_ms = $9,"
                                               " processing_attempts = processing_attempts - $10::bigint"),
                          outcome.webhook_id, outcome.attempt, outcome.config_id, outcome.tenant_id, outcome.started_at_ms,
                          outcome.duration_us, outcome.error_code, outcome.error_message, outcome.next_processing_at_ms,
                          outcome.counts_attempt ? 0 : 1) == 1;
  return connection.run(TOMADA_ATTEMPT_ENDED("processing_status = $9, next_processing_at_ms = NULL, processed_at_ms = $10"),
                        outcome.webhook_id, outcome.attempt, outcome.config_id, outcome.tenant_id, outcome.started_at_ms,
                        outcome.duration_us, outcome.error_code, outcome.error_message, outcome.processing_status,
                        outcome.now_ms) == 1;
#undef TOMADA_ATTEMPT_ENDED
}

}  // namespace

Result<std::int64_t> reclaim_webhooks(Connection& connection, const Job& job, std::int64_t now_ms) {
  TOMADA_TRY(check_lease(connection, job));
  return connection.run(
      "UPDATE integrations.webhook_log SET processing_status = 'pending'"
      " WHERE config_id = $1 AND processing_status = 'processing' AND next_processing_at_ms <= $2",
      job.config_id, now_ms);
}

Result<std::vector<Webhook>> take_webhooks(Connection& connection, const Job& job, std::int64_t now_ms, bool ordered,
                                           std::size_t limit) {
  TOMADA_TRY(check_lease(connection, job));
  Rows rows = take_some(connection, job, now_ms, ordered, limit, ordered ? 2 * limit : limit);
  // Many events that may not run stand before those that may.
  if (ordered && rows.empty()) rows = take_some(connection, job, now_ms, ordered, limit, limit + k_take_skip_max);
  std::vector<std::pair<std::int64_t, Webhook>> found;  // with what says when it was due
  found.reserve(rows.size());
  for (const Row row : rows) found.emplace_back(row.integer(9), read_whole_webhook(row, job.tenant_id, job.config_id));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second.webhook_id) < std::pair(b.first, b.second.webhook_id);
  });
  std::vector<Webhook> taken;
  taken.reserve(found.size());
  for (auto& [due_at_ms, webhook] : found) taken.push_back(std::move(webhook));
  return taken;
}

Result<PageOutcome> finish_webhook(Connection& connection, const WebhookOutcome& outcome) {
  TOMADA_ASSERT(!outcome.page || outcome.page->sync_id.empty());
  if (outcome.page && (outcome.page->tenant_id != outcome.tenant_id || outcome.page->config_id != outcome.config_id))
    return fail(Errc::internal, "the records of a webhook belong to another integration");
  // Integration and job are locked before the event, as all who lock them do.
  const bool retries = outcome.processing_status == "pending";
  WebhookTarget target;
  if (retries) {
    TOMADA_TRY_ASSIGN(target, find_webhook_target(connection, outcome.tenant_id, outcome.config_id));
  }
  if (outcome.page || !outcome.values.empty())
    TOMADA_TRY(require_integration(connection, outcome.tenant_id, outcome.config_id));
  if (!end_attempt(connection, outcome)) {
    TOMADA_TRY(connection.take_result());
    TOMADA_TRY(require_integration(connection, outcome.tenant_id, outcome.config_id));
    return fail(Errc::conflict, "the event is not in hand, or another attempt has it");
  }
  PageOutcome page;
  if (outcome.page) {
    TOMADA_TRY_ASSIGN(page, commit_page(connection, *outcome.page));
  }
  if (!outcome.values.empty()) TOMADA_TRY(put_values(connection, outcome.tenant_id, outcome.config_id, outcome.values));
  if (retries && require_webhook_job(target, outcome.next_processing_at_ms, outcome.now_ms))
    write_webhook_jobs(connection, {&target, 1});
  return page;
}

Result<std::vector<std::int64_t>> find_replayable(Connection& connection, std::string_view tenant_id,
                                                  std::string_view config_id, const WebhookReplay& replay,
                                                  std::int64_t now_ms, std::int64_t limit) {
  if (connection.run("SELECT 1 FROM integrations.api_configurations WHERE config_id = $1 AND tenant_id = $2", config_id,
                     tenant_id) == 0) {
    TOMADA_TRY(connection.take_result());
    return fail(Errc::not_found, "there is no integration " + std::string(config_id));
  }
  // What was processed after `now_ms` is not taken again: a caller that goes on with the same time comes to an end.
#define TOMADA_REPLAYABLE                                                                                    \
  " WHERE e.config_id = $1 AND e.signature_verified AND e.next_processing_at_ms IS NULL"                     \
  " AND coalesce(e.processed_at_ms, 0) <= $2 AND ($3::bigint IS NULL OR e.received_at_ms >= $3)"             \
  " AND ($4::bigint IS NULL OR e.received_at_ms < $4) AND ($5 = '' OR e.processing_status = $5)"             \
  " AND EXISTS (SELECT 1 FROM integrations.webhook_payloads p WHERE p.webhook_id = e.webhook_id)"
  Rows rows;
  if (!replay.webhook_ids.empty())
    rows = connection.query("SELECT e.webhook_id FROM integrations.webhook_log e" TOMADA_REPLAYABLE
                            " AND e.webhook_id = ANY($7::bigint[]) ORDER BY e.webhook_id LIMIT $6",
                            config_id, now_ms, replay.since_ms, replay.until_ms, replay.status, limit,
                            array_of(replay.webhook_ids, [](std::int64_t id) { return id; }));
  else if (replay.status == "failed")  // few fail, so these have an index
    rows = connection.query("SELECT e.webhook_id FROM integrations.webhook_log e" TOMADA_REPLAYABLE
                            " AND e.processing_status = 'failed' ORDER BY e.webhook_id LIMIT $6",
                            config_id, now_ms, replay.since_ms, replay.until_ms, replay.status, limit);
  else
    rows = connection.query("SELECT e.webhook_id FROM integrations.webhook_log e" TOMADA_REPLAYABLE
                            " ORDER BY e.webhook_id LIMIT $6",
                            config_id, now_ms, replay.since_ms, replay.until_ms, replay.status, limit);
#undef TOMADA_REPLAYABLE
  std::vector<std::int64_t> found;
  found.reserve(rows.size());
  for (const Row row : rows) found.push_back(row.integer(0));
  return found;
}

Result<std::int64_t> replay_webhooks(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                     std::span<const std::int64_t> webhook_ids, std::int64_t now_ms) {
  TOMADA_TRY_ASSIGN(auto target, find_webhook_target(connection, tenant_id, config_id));
  const Rows rows = connection.query(
      "WITH replayed AS (UPDATE integrations.webhook_log SET processing_status = 'pending', processing_attempts = 0,"
      " next_processing_at_ms = $1, processed_at_ms = NULL, error_code = '', processing_error = ''"
      " WHERE config_id = $2 AND webhook_id = ANY($3::bigint[]) AND signature_verified AND next_processing_at_ms IS NULL"
      " RETURNING webhook_id),"
      " forgotten AS (DELETE FROM integrations.webhook_attempts WHERE webhook_id = ANY(ARRAY(SELECT webhook_id FROM replayed)))"
      " SELECT count(*) FROM replayed",
      now_ms, config_id, array_of(webhook_ids, [](std::int64_t id) { return id; }));
  const std::int64_t replayed_count = rows.empty() ? 0 : rows.front().integer(0);
  if (replayed_count > 0 && require_webhook_job(target, now_ms, now_ms)) write_webhook_jobs(connection, {&target, 1});
  return replayed_count;
}

}  // namespace tomada::store::postgres
