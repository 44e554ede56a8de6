#include "host/store/sqlite/parts.hpp"
#include "host/store/sqlite/webhook_rows.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tomada::store::sqlite {
namespace {

Error lease_lost(const Job& job) { return fail(Errc::conflict, "the lease on job " + job.job_id + " is lost"); }

/// Oldest due first. A job whose lease ran out counts as due; one whose integration has a running job of the same kind
/// does not.
std::vector<Job> find_due(Connection& connection, std::int64_t now_ms, std::size_t limit) {
  auto query = connection.prepare(
      "SELECT job_id, tenant_id, config_id, kind, payload_json, due_at_ms, attempts, fencing_token FROM jobs j"
      " INDEXED BY jobs_by_due WHERE status <> 'dead' AND due_at_ms <= ?1"
      " AND (status = 'waiting' OR lease_until_ms <= ?1)"
      " AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.config_id = j.config_id AND r.kind = j.kind"
      " AND r.status = 'running' AND r.lease_until_ms > ?1)"
      " ORDER BY due_at_ms, job_id");
  query.bind(now_ms);
  std::vector<Job> jobs;
  std::set<std::pair<std::string, std::string>> busy;
  while (jobs.size() < limit && query.step()) {
    if (!busy.emplace(query.text(2), query.text(3)).second) continue;
    jobs.push_back({.job_id = query.text(0),
                    .tenant_id = query.text(1),
                    .config_id = query.text(2),
                    .kind = query.text(3),
                    .payload_json = query.text(4),
                    .due_at_ms = query.integer(5),
                    .attempts = query.integer(6) + 1,
                    .fencing_token = query.integer(7) + 1});
  }
  return jobs;
}

/// Of kind "webhook": the job waits for the first of the open events. False: there are none.
bool wait_for_webhooks(Connection& connection, const Job& job) {
  const auto due_at_ms = next_webhook_ms(connection, job.config_id);
  return due_at_ms && connection.run("UPDATE jobs SET status = 'waiting', due_at_ms = ?1, lease_until_ms = NULL,"
                                     " attempts = 0, error_code = '', error_message = ''"
                                     " WHERE job_id = ?2 AND fencing_token = ?3 AND status = 'running'",
                                     *due_at_ms, job.job_id, job.fencing_token) == 1;
}

/// False: the lease was lost.
bool end_job(Connection& connection, const Job& job, const JobOutcome& outcome) {
  switch (outcome.kind) {
    case JobOutcome::Kind::done:
      if (job.kind == k_webhook_kind && wait_for_webhooks(connection, job)) return true;
      return connection.run("DELETE FROM jobs WHERE job_id = ?1 AND fencing_token = ?2 AND status = 'running'",
                            job.job_id, job.fencing_token) == 1;
    case JobOutcome::Kind::retry:
      // A webhook job that was woken while it ran (wake_webhook_job) is due at once, whatever its holder says.
      return connection.run("UPDATE jobs SET status = 'waiting', lease_until_ms = NULL, due_at_ms ="
                            " CASE WHEN kind = 'webhook' AND due_at_ms = 0 THEN min(?1, ?7) ELSE ?1 END,"
                            " attempts = CASE kind WHEN 'webhook' THEN 0 ELSE attempts - ?2 END, error_code = ?3, error_message = ?4"
                            " WHERE job_id = ?5 AND fencing_token = ?6 AND status = 'running'",
                            outcome.due_at_ms, outcome.counts_attempt ? 0 : 1, outcome.error_code,
                            outcome.error_message, job.job_id, job.fencing_token, outcome.now_ms) == 1;
    case JobOutcome::Kind::dead:
      return connection.run("UPDATE jobs SET status = 'dead', lease_until_ms = NULL, error_code = ?1,"
                            " error_message = ?2 WHERE job_id = ?3 AND fencing_token = ?4 AND status = 'running'",
                            outcome.error_code, outcome.error_message, job.job_id, job.fencing_token) == 1;
  }
  return false;
}

void end_sync(Connection& connection, const Job& job, const JobOutcome& outcome) {
  const bool retries = outcome.kind == JobOutcome::Kind::retry;
  connection.run(
      "UPDATE sync_operations SET operation_status = ?1, error_code = ?2, error_message = ?3, next_retry_at_ms = ?4,"
      " completed_at_ms = ?5, retry_count = retry_count + ?6 WHERE sync_id = ?7 AND tenant_id = ?8",
      outcome.sync_status, outcome.error_code, outcome.error_message,
      retries ? std::optional(outcome.due_at_ms) : std::nullopt, retries ? std::nullopt : std::optional(outcome.now_ms),
      retries && outcome.counts_attempt ? 1 : 0, outcome.sync_id, job.tenant_id);
  if (outcome.sync_status == "completed" || outcome.sync_status == "partial")
    connection.run("UPDATE api_configurations SET last_sync_at_ms = ?1 WHERE config_id = ?2 AND tenant_id = ?3",
                   outcome.now_ms, job.config_id, job.tenant_id);
}

class SqliteJobs final : public Jobs {
 public:
  explicit SqliteJobs(Database& database) : database_(database) {}

  Result<std::vector<Job>> lease(runtime::Task& task, std::int64_t now_ms, std::int64_t lease_ms,
                                 std::size_t limit) override {
    return database_.write(task, [&](Connection& connection) -> Result<std::vector<Job>> {
      std::vector<Job> jobs = find_due(connection, now_ms, limit);
      for (const Job& job : jobs)
        connection.run("UPDATE jobs SET status = 'running', lease_until_ms = ?1, attempts = ?2, fencing_token = ?3"
                       " WHERE job_id = ?4",
                       now_ms + lease_ms, job.attempts, job.fencing_token, job.job_id);
      return jobs;
    });
  }

  Result<void> extend(runtime::Task& task, const Job& job, std::int64_t until_ms) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (connection.run("UPDATE jobs SET lease_until_ms = ?1 WHERE job_id = ?2 AND fencing_token = ?3"
                         " AND status = 'running'",
                         until_ms, job.job_id, job.fencing_token) == 0)
        return lease_lost(job);
      return {};
    });
  }

  Result<void> finish(runtime::Task& task, const Job& job, const JobOutcome& outcome) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (!end_job(connection, job, outcome)) return lease_lost(job);
      if (!outcome.sync_id.empty()) end_sync(connection, job, outcome);
      connection.run(
          "UPDATE api_configurations SET health_status = CASE ?1 WHEN '' THEN health_status ELSE ?1 END,"
          " connection_status = CASE ?2 WHEN '' THEN connection_status ELSE ?2 END"
          " WHERE config_id = ?3 AND tenant_id = ?4",
          outcome.health_status, outcome.connection_status, job.config_id, job.tenant_id);
      return {};
    });
  }

  Result<std::int64_t> release_all(runtime::Task& task, std::int64_t now_ms) override {
    return database_.write(task, [&](Connection& connection) -> Result<std::int64_t> {
      connection.run(
          "UPDATE sync_operations SET operation_status = 'pending' WHERE operation_status = 'processing'"
          " AND sync_id IN (SELECT sync_id FROM jobs WHERE status = 'running')");
      // The attempt counts: a job that ends the process each time must not come back for ever.
      return connection.run(
          "UPDATE jobs SET status = 'waiting', lease_until_ms = NULL, due_at_ms = min(due_at_ms, ?1)"
          " WHERE status = 'running'",
          now_ms);
    });
  }

  Result<std::optional<std::int64_t>> next_due_ms(runtime::Task& task) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<std::int64_t>> {
      std::optional<std::int64_t> next;
      // A waiting job behind a running one of its integration and kind is not due before that ends.
      auto waiting = connection.prepare(
          "SELECT due_at_ms FROM jobs j INDEXED BY jobs_by_due WHERE status <> 'dead' AND status = 'waiting'"
          " AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.config_id = j.config_id AND r.kind = j.kind"
          " AND r.status = 'running') ORDER BY due_at_ms LIMIT 1");
      if (waiting.step()) next = waiting.integer(0);
      auto running = connection.prepare("SELECT min(lease_until_ms) FROM jobs WHERE status = 'running'");
      if (!running.step()) return next;
      const auto lease_end = running.optional_integer(0);
      return next && lease_end ? std::min(next, lease_end) : (next ? next : lease_end);
    });
  }

  Result<Counts> counts(runtime::Task& task) override {
    return database_.read(task, [&](Connection& connection) -> Result<Counts> {
      Counts counts;
      auto query = connection.prepare("SELECT status, count(*) FROM jobs GROUP BY status");
      while (query.step()) {
        const std::string_view status = query.view(0);
        (status == "waiting" ? counts.waiting : status == "running" ? counts.running : counts.dead) = query.integer(1);
      }
      return counts;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Jobs> make_jobs(Database& database) { return std::make_unique<SqliteJobs>(database); }

}  // namespace tomada::store::sqlite
