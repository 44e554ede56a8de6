#include "host/store/postgres/parts.hpp"
#include "host/store/postgres/webhook_rows.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace tomada::store::postgres {
namespace {

constexpr int k_lease_attempts_max = 5;  // when other hosts take jobs of the same integrations at the same time

Error lease_lost(const Job& job) { return fail(Errc::conflict, "the lease on job " + job.job_id + " is lost"); }

/* One step of a lease. Two ways in, each along an index, each past what other hosts have locked: leases that ran out, and
 * waiting jobs whose integration has no running job of the same kind. The sub-select is no NOT EXISTS: that could become
 * a join over all jobs. Of several jobs of an integration and kind the oldest goes. */
std::vector<Job> lease_some(Connection& connection, std::int64_t now_ms, std::int64_t lease_ms, std::size_t limit) {
  const Rows rows = connection.query(
      "WITH expired AS MATERIALIZED (SELECT job_id, config_id, kind, due_at_ms FROM integrations.jobs"
      " WHERE status = 'running' AND lease_until_ms <= $1 AND due_at_ms <= $1"
      " ORDER BY lease_until_ms LIMIT $3 FOR UPDATE SKIP LOCKED),"
      " waiting AS MATERIALIZED (SELECT job_id, config_id, kind, due_at_ms FROM integrations.jobs j"
      " WHERE status = 'waiting' AND due_at_ms <= $1"
      " AND (SELECT r.job_id FROM integrations.jobs r WHERE r.config_id = j.config_id AND r.kind = j.kind"
      " AND r.status = 'running') IS NULL"
      " ORDER BY due_at_ms, job_id LIMIT $3 FOR UPDATE SKIP LOCKED),"
      " oldest AS (SELECT DISTINCT ON (config_id, kind) job_id, due_at_ms"
      " FROM (SELECT * FROM expired UNION ALL SELECT * FROM waiting) due ORDER BY config_id, kind, due_at_ms, job_id)"
      " UPDATE integrations.jobs SET status = 'running', lease_until_ms = $1 + $2::bigint, attempts = attempts + 1,"
      " fencing_token = fencing_token + 1"
      " WHERE job_id = ANY(ARRAY(SELECT job_id FROM oldest ORDER BY due_at_ms, job_id LIMIT $3))"
      " RETURNING job_id, tenant_id, config_id, kind, payload_json, due_at_ms, attempts, fencing_token",
      now_ms, lease_ms, limit);
  std::vector<Job> jobs;
  jobs.reserve(rows.size());
  for (const Row row : rows)
    jobs.push_back({.job_id = row.text(0),
                    .tenant_id = row.text(1),
                    .config_id = row.text(2),
                    .kind = row.text(3),
                    .payload_json = row.text(4),
                    .due_at_ms = row.integer(5),
                    .attempts = row.integer(6),
                    .fencing_token = row.integer(7)});
  std::sort(jobs.begin(), jobs.end(),
            [](const Job& a, const Job& b) { return std::tie(a.due_at_ms, a.job_id) < std::tie(b.due_at_ms, b.job_id); });
  return jobs;
}

/* Of kind "webhook": the job waits for the first of the open events. An intake that stores an event has the job locked FOR
 * KEY SHARE until it commits. So with the lock there is no event that this transaction cannot see; without it there may be
 * one in a moment, and the job looks again at once, instead of waiting for all the intakes that may follow each other. */
bool end_webhook_job(Connection& connection, const Job& job, std::int64_t now_ms) {
  const bool is_locked = connection.run("SELECT 1 FROM integrations.jobs WHERE job_id = $1 AND fencing_token = $2"
                                        " AND status = 'running' FOR UPDATE SKIP LOCKED",
                                        job.job_id, job.fencing_token) == 1;
  // A statement of its own, because it must see what was committed before the lock.
  const auto due_at_ms = is_locked ? next_webhook_ms(connection, job.config_id) : std::optional(now_ms);
  if (!due_at_ms)
    return connection.run("DELETE FROM integrations.jobs WHERE job_id = $1 AND fencing_token = $2 AND status = 'running'",
                          job.job_id, job.fencing_token) == 1;
  return connection.run("UPDATE integrations.jobs SET status = 'waiting', due_at_ms = $1, lease_until_ms = NULL,"
                        " attempts = 0, error_code = '', error_message = ''"
                        " WHERE job_id = $2 AND fencing_token = $3 AND status = 'running'",
                        *due_at_ms, job.job_id, job.fencing_token) == 1;
}

/// False: the lease was lost.
bool end_job(Connection& connection, const Job& job, const JobOutcome& outcome) {
  switch (outcome.kind) {
    case JobOutcome::Kind::done:
      if (job.kind == k_webhook_kind) return end_webhook_job(connection, job, outcome.now_ms);
      return connection.run("DELETE FROM integrations.jobs WHERE job_id = $1 AND fencing_token = $2 AND status = 'running'",
                            job.job_id, job.fencing_token) == 1;
    case JobOutcome::Kind::retry:
      // A webhook job that was woken while it ran (wake_webhook_job) is due at once, whatever its holder says.
      return connection.run(
                 "UPDATE integrations.jobs SET status = 'waiting', lease_until_ms = NULL, due_at_ms ="
                 " CASE WHEN kind = 'webhook' AND due_at_ms = 0 THEN least($1::bigint, $7::bigint) ELSE $1::bigint END,"
                 " attempts = CASE kind WHEN 'webhook' THEN 0 ELSE attempts - $2::bigint END,"
                 " error_code = $3, error_message = $4"
                 " WHERE job_id = $5 AND fencing_token = $6 AND status = 'running'",
                 outcome.due_at_ms, outcome.counts_attempt ? 0 : 1, outcome.error_code, outcome.error_message, job.job_id,
                 job.fencing_token, outcome.now_ms) == 1;
    case JobOutcome::Kind::dead:
      return connection.run("UPDATE integrations.jobs SET status = 'dead', lease_until_ms = NULL, error_code = $1,"
                            " error_message = $2 WHERE job_id = $3 AND fencing_token = $4 AND status = 'running'",
                            outcome.error_code, outcome.error_message, job.job_id, job.fencing_token) == 1;
  }
  return false;
}

void end_sync(Connection& connection, const Job& job, const JobOutcome& outcome) {
  const bool retries = outcome.kind == JobOutcome::Kind::retry;
  connection.run(
      "UPDATE integrations.sync_operations SET operation_status = $1, error_code = $2, error_message = $3,"
      " next_retry_at = integrations.at($4), completed_at = integrations.at($5),"
      " response_time_ms = $5::bigint - integrations.ms(started_at), retry_count = retry_count + $6"
      " WHERE sync_id = $7 AND tenant_id = $8",
      outcome.sync_status, outcome.error_code, outcome.error_message, retries ? std::optional(outcome.due_at_ms) : std::nullopt,
      retries ? std::nullopt : std::optional(outcome.now_ms), retries && outcome.counts_attempt ? 1 : 0, outcome.sync_id,
      job.tenant_id);
}

/// Before the job, as all who lock both do; a lost lease undoes it.
void show_health(Connection& connection, const Job& job, const JobOutcome& outcome) {
  const bool synced = !outcome.sync_id.empty() && (outcome.sync_status == "completed" || outcome.sync_status == "partial");
  if (!synced && outcome.health_status.empty() && outcome.connection_status.empty()) return;
  connection.run(
      "UPDATE integrations.api_configurations SET health_status = CASE $1 WHEN '' THEN health_status ELSE $1 END,"
      " connection_status = CASE $2 WHEN '' THEN connection_status ELSE $2 END,"
      " last_sync_at = coalesce(integrations.at($3), last_sync_at) WHERE config_id = $4 AND tenant_id = $5",
      outcome.health_status, outcome.connection_status, synced ? std::optional(outcome.now_ms) : std::nullopt, job.config_id,
      job.tenant_id);
}

class PostgresJobs final : public Jobs {
 public:
  explicit PostgresJobs(Database& database) : database_(database) {}

  Result<std::vector<Job>> lease(runtime::Task& task, std::int64_t now_ms, std::int64_t lease_ms,
                                 std::size_t limit) override {
    for (int attempts_count = 1;; ++attempts_count) {
      auto jobs = database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<std::vector<Job>> {
        std::vector<Job> leased;
        for (;;) {
          auto some = lease_some(connection, now_ms, lease_ms, limit - leased.size());
          std::move(some.begin(), some.end(), std::back_inserter(leased));
          // Less than asked for: that was all, or several were of one integration and hid others.
          if (some.empty() || leased.size() >= limit) return leased;
        }
      });
      // Two hosts took two jobs of one integration and kind at the same time; jobs_running let one of them pass.
      if (jobs.has_value() || jobs.error().code != Errc::conflict) return jobs;
      if (attempts_count == k_lease_attempts_max) return std::vector<Job>{};
    }
  }

  Result<void> extend(runtime::Task& task, const Job& job, std::int64_t until_ms) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      if (connection.run("UPDATE integrations.jobs SET lease_until_ms = $1 WHERE job_id = $2 AND fencing_token = $3"
                         " AND status = 'running'",
                         until_ms, job.job_id, job.fencing_token) == 0)
        return lease_lost(job);
      return {};
    });
  }

  Result<void> finish(runtime::Task& task, const Job& job, const JobOutcome& outcome) override {
    return database_.write(task, job.tenant_id, [&](Connection& connection) -> Result<void> {
      show_health(connection, job, outcome);
      if (!end_job(connection, job, outcome)) return lease_lost(job);
      if (!outcome.sync_id.empty()) end_sync(connection, job, outcome);
      return {};
    });
  }

  Result<std::int64_t> release_all(runtime::Task&, std::int64_t) override { return 0; }

  Result<std::optional<std::int64_t>> next_due_ms(runtime::Task& task) override {
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<std::optional<std::int64_t>> {
      // A waiting job behind a running one of its integration and kind is not due before that ends.
      const Rows rows = connection.query(
          "SELECT least((SELECT due_at_ms FROM integrations.jobs j WHERE status = 'waiting'"
          " AND (SELECT r.job_id FROM integrations.jobs r WHERE r.config_id = j.config_id AND r.kind = j.kind"
          " AND r.status = 'running') IS NULL ORDER BY due_at_ms LIMIT 1),"
          " (SELECT min(lease_until_ms) FROM integrations.jobs WHERE status = 'running'))");
      return rows.empty() ? std::nullopt : rows.front().optional_integer(0);
    });
  }

  Result<Counts> counts(runtime::Task& task) override {
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<Counts> {
      // Exact while there are few. Of many waiting jobs, the server's own estimate: counting them takes as long as reading
      // them, and metrics ask every few seconds.
      const Rows rows = connection.query(
          "SELECT (SELECT count(*) FROM (SELECT 1 FROM integrations.jobs WHERE status = 'waiting' LIMIT 10000) few),"
          " (SELECT reltuples::bigint FROM pg_class WHERE oid = 'integrations.jobs_waiting'::regclass),"
          " (SELECT count(*) FROM integrations.jobs WHERE status = 'running'),"
          " (SELECT count(*) FROM integrations.jobs WHERE status = 'dead')");
      if (rows.empty()) return Counts{};
      const std::int64_t counted = rows.front().integer(0);
      return Counts{.waiting = counted < 10'000 ? counted : std::max(counted, rows.front().integer(1)),
                    .running = rows.front().integer(2),
                    .dead = rows.front().integer(3)};
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Jobs> make_jobs(Database& database) { return std::make_unique<PostgresJobs>(database); }

}  // namespace tomada::store::postgres
