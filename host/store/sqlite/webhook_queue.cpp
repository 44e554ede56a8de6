#include "host/store/sqlite/webhook_queue.hpp"

#include "host/base/assert.hpp"
#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/page_commit.hpp"
#include "host/store/sqlite/webhook_rows.hpp"

#include <map>
#include <string>
#include <unordered_map>

namespace tomada::store::sqlite {
namespace {

constexpr std::int64_t k_take_bytes_max = 8 * 1024 * 1024;  // of bodies; the first event is taken whatever its size
constexpr std::size_t k_take_skip_max = 2'000;              // events looked at and left out, for one take

/// The integration's number. CONFLICT: the lease on the job is lost.
Result<std::int64_t> check_lease(Connection& connection, const Job& job) {
  if (!connection.prepare("SELECT 1 FROM jobs WHERE job_id = ?1 AND fencing_token = ?2 AND status = 'running'")
           .first(job.job_id, job.fencing_token))
    return fail(Errc::conflict, "the lease on job " + job.job_id + " is lost");
  return find_config_no(connection, job.tenant_id, job.config_id);
}

/// Chooses what to take, within one transaction.
class Selection {
 public:
  Selection(Connection& connection, std::int64_t config_no, std::int64_t now_ms, bool ordered)
      : connection_(connection), config_no_(config_no), now_ms_(now_ms), ordered_(ordered) {}

  std::vector<std::int64_t> choose(std::size_t limit) {
    std::vector<std::int64_t> chosen;
    auto due = connection_.prepare(
        "SELECT webhook_id, subject, processing_status, body_bytes FROM webhook_events INDEXED BY webhook_events_open"
        " WHERE config_no = ?1 AND next_processing_at_ms <= ?2 ORDER BY next_processing_at_ms, webhook_id");
    due.bind(config_no_, now_ms_);
    std::int64_t bytes = 0;
    for (std::size_t seen = 0; chosen.size() < limit && seen < limit + k_take_skip_max && due.step(); ++seen) {
      if (due.view(2) != "pending" || (ordered_ && waits_for_another(due.integer(0), due.view(1)))) continue;
      bytes += due.integer(3);
      if (!chosen.empty() && bytes > k_take_bytes_max) break;
      chosen.push_back(due.integer(0));
    }
    return chosen;
  }

  /// Events behind one that waits for its retry wait as long: they would be looked at again in each take, and the job
  /// would be due for them.
  void put_off() {
    for (const auto& [subject, first] : put_off_)
      connection_.run(
          "UPDATE webhook_events INDEXED BY webhook_events_by_subject SET next_processing_at_ms = ?1"
          " WHERE config_no = ?2 AND subject = ?3 AND subject <> '' AND next_processing_at_ms <= ?4"
          " AND webhook_id > ?5 AND processing_status = 'pending'",
          first.next_processing_at_ms, config_no_, subject, now_ms_, first.webhook_id);
  }

 private:
  struct First {
    std::int64_t webhook_id{};
    std::int64_t next_processing_at_ms{};
  };

  bool waits_for_another(std::int64_t webhook_id, std::string_view subject) {
    if (subject.empty()) return false;
    auto found = first_.find(std::string(subject));
    if (found == first_.end()) {
      found = first_.emplace(std::string(subject), find_first(subject)).first;
      if (found->second.next_processing_at_ms > now_ms_) put_off_.insert(*found);
    }
    return found->second.webhook_id != webhook_id;
  }

  First find_first(std::string_view subject) {
    auto query = connection_.prepare(
        "SELECT webhook_id, next_processing_at_ms FROM webhook_events INDEXED BY webhook_events_by_subject"
        " WHERE config_no = ?1 AND subject = ?2 AND subject <> '' AND next_processing_at_ms IS NOT NULL"
        " ORDER BY webhook_id LIMIT 1");
    if (!query.first(config_no_, subject)) return {};
    return {query.integer(0), query.integer(1)};
  }

  Connection& connection_;
  std::int64_t config_no_;
  std::int64_t now_ms_;
  bool ordered_;
  std::unordered_map<std::string, First> first_;  // of each subject: the oldest open event
  std::map<std::string, First> put_off_;
};

/// CONFLICT: another attempt has it, or none.
Result<void> end_attempt(Connection& connection, std::int64_t config_no, const WebhookOutcome& outcome) {
  std::int64_t changed = 0;
  if (outcome.processing_status == "pending")
    changed = connection.run(
        "UPDATE webhook_events SET processing_status = 'pending', next_processing_at_ms = ?1,"
        " processing_attempts = processing_attempts - ?2, error_code = ?3, processing_error = ?4"
        " WHERE config_no = ?5 AND webhook_id = ?6 AND processing_status = 'processing' AND processing_attempts = ?7",
        outcome.next_processing_at_ms, outcome.counts_attempt ? 0 : 1, outcome.error_code, outcome.error_message,
        config_no, outcome.webhook_id, outcome.attempt);
  else
    changed = connection.run(
        "UPDATE webhook_events SET processing_status = ?1, next_processing_at_ms = NULL, processed_at_ms = ?2,"
        " error_code = ?3, processing_error = ?4"
        " WHERE config_no = ?5 AND webhook_id = ?6 AND processing_status = 'processing' AND processing_attempts = ?7",
        outcome.processing_status, outcome.now_ms, outcome.error_code, outcome.error_message, config_no,
        outcome.webhook_id, outcome.attempt);
  if (changed == 1) return {};
  return fail(Errc::conflict, "the event is not in hand, or another attempt has it");
}

}  // namespace

Result<std::int64_t> reclaim_webhooks(Connection& connection, const Job& job, std::int64_t now_ms) {
  TOMADA_TRY_ASSIGN(const auto config_no, check_lease(connection, job));
  return connection.run(
      "UPDATE webhook_events INDEXED BY webhook_events_in_hand SET processing_status = 'pending'"
      " WHERE config_no = ?1 AND processing_status = 'processing' AND next_processing_at_ms <= ?2",
      config_no, now_ms);
}

Result<std::vector<Webhook>> take_webhooks(Connection& connection, const Job& job, std::int64_t now_ms, bool ordered,
                                           std::size_t limit) {
  TOMADA_TRY_ASSIGN(const auto config_no, check_lease(connection, job));
  Selection selection(connection, config_no, now_ms, ordered);
  const std::vector<std::int64_t> chosen = selection.choose(limit);
  selection.put_off();
  std::vector<Webhook> taken;
  taken.reserve(chosen.size());
  for (const std::int64_t webhook_id : chosen) {
    connection.run(
        "UPDATE webhook_events SET processing_status = 'processing', processing_attempts = processing_attempts + 1"
        " WHERE config_no = ?1 AND webhook_id = ?2",
        config_no, webhook_id);
    if (auto webhook = find_webhook(connection, config_no, webhook_id, job.tenant_id, job.config_id))
      taken.push_back(std::move(*webhook));
  }
  return taken;
}

Result<PageOutcome> finish_webhook(Connection& connection, const WebhookOutcome& outcome) {
  TOMADA_ASSERT(!outcome.page || outcome.page->sync_id.empty());
  if (outcome.page && (outcome.page->tenant_id != outcome.tenant_id || outcome.page->config_id != outcome.config_id))
    return fail(Errc::internal, "the records of a webhook belong to another integration");
  TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, outcome.tenant_id, outcome.config_id));
  TOMADA_TRY(end_attempt(connection, config_no, outcome));
  // An attempt that was given back is replaced by the next one, which has its number.
  connection.run(
      "INSERT OR REPLACE INTO webhook_attempts (webhook_id, attempt, started_at_ms, duration_us, error_code,"
      " error_message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      outcome.webhook_id, outcome.attempt, outcome.started_at_ms, outcome.duration_us, outcome.error_code,
      outcome.error_message);
  PageOutcome page;
  if (outcome.page) {
    TOMADA_TRY_ASSIGN(page, PageCommit(connection, *outcome.page).run());
  }
  for (const auto& [key, value] : outcome.values) {
    if (value)
      TOMADA_TRY(put_value(connection, config_no, key, *value));
    else
      remove_value(connection, config_no, key);
  }
  if (outcome.processing_status == "pending") {
    TOMADA_TRY_ASSIGN(const auto target, find_webhook_target(connection, outcome.tenant_id, outcome.config_id, {}));
    (void)require_webhook_job(connection, target, outcome.next_processing_at_ms, outcome.now_ms);
  }
  return page;
}

Result<std::vector<std::int64_t>> find_replayable(Connection& connection, std::string_view tenant_id,
                                                  std::string_view config_id, const WebhookReplay& replay,
                                                  std::int64_t now_ms, std::int64_t limit) {
  TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
  // What was processed after `now_ms` is not taken again: a caller that goes on with the same time comes to an end.
#define TOMADA_REPLAYABLE                                                                                        \
  " WHERE e.config_no = ?1 AND e.signature_verified = 1 AND e.next_processing_at_ms IS NULL"                     \
  " AND coalesce(e.processed_at_ms, 0) <= ?2 AND (?3 IS NULL OR e.received_at_ms >= ?3)"                         \
  " AND (?4 IS NULL OR e.received_at_ms < ?4)"                                                                   \
  " AND EXISTS (SELECT 1 FROM webhook_payloads p WHERE p.webhook_id = e.webhook_id)"
  std::vector<std::int64_t> found;
  if (!replay.webhook_ids.empty()) {
    auto query = connection.prepare("SELECT 1 FROM webhook_events e" TOMADA_REPLAYABLE
                                    " AND (?5 = '' OR e.processing_status = ?5) AND e.webhook_id = ?6");
    for (const std::int64_t webhook_id : replay.webhook_ids) {
      if (static_cast<std::int64_t>(found.size()) == limit) break;
      if (query.first(config_no, now_ms, replay.since_ms, replay.until_ms, replay.status, webhook_id))
        found.push_back(webhook_id);
    }
    return found;
  }
  auto query = replay.status == "failed"
                   ? connection.prepare("SELECT e.webhook_id FROM webhook_events e INDEXED BY webhook_events_failed"
                                        TOMADA_REPLAYABLE " AND e.processing_status = 'failed' AND ?5 <> ''"
                                        " ORDER BY e.webhook_id LIMIT ?6")
                   : connection.prepare("SELECT e.webhook_id FROM webhook_events e" TOMADA_REPLAYABLE
                                        " AND (?5 = '' OR e.processing_status = ?5) ORDER BY e.webhook_id LIMIT ?6");
#undef TOMADA_REPLAYABLE
  query.bind(config_no, now_ms, replay.since_ms, replay.until_ms, replay.status, limit);
  while (query.step()) found.push_back(query.integer(0));
  return found;
}

Result<std::int64_t> replay_webhooks(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                     std::span<const std::int64_t> webhook_ids, std::int64_t now_ms) {
  TOMADA_TRY_ASSIGN(const auto target, find_webhook_target(connection, tenant_id, config_id, {}));
  std::int64_t replayed_count = 0;
  for (const std::int64_t webhook_id : webhook_ids) {
    if (connection.run("UPDATE webhook_events SET processing_status = 'pending', processing_attempts = 0,"
                       " next_processing_at_ms = ?1, processed_at_ms = NULL, error_code = '', processing_error = ''"
                       " WHERE config_no = ?2 AND webhook_id = ?3 AND signature_verified = 1"
                       " AND next_processing_at_ms IS NULL",
                       now_ms, target.config_no, webhook_id) == 0)
      continue;
    connection.run("DELETE FROM webhook_attempts WHERE webhook_id = ?1", webhook_id);
    ++replayed_count;
  }
  if (replayed_count > 0) (void)require_webhook_job(connection, target, now_ms, now_ms);
  return replayed_count;
}

}  // namespace tomada::store::sqlite
