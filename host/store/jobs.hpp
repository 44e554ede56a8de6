// The rows of the durable queue. host/jobs/ runs them.
#pragma once

#include "host/runtime/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

struct Job {
  std::string job_id;
  std::string tenant_id;
  std::string config_id;
  std::string kind;          // "sync", "webhook"; later "action", …
  std::string payload_json;
  std::int64_t due_at_ms{};
  std::int64_t attempts{};   // calls begun, this one included
  std::int64_t fencing_token{};  // grows with each lease
};

/// How an attempt ended. Job and sync row change together.
struct JobOutcome {
  enum class Kind { done, retry, dead };
  Kind kind{Kind::done};
  std::int64_t due_at_ms{};  // retry: not before
  bool counts_attempt{true};  // retry: false gives the attempt back (an interruption that was not the job's fault)
  std::string error_code;
  std::string error_message;
  std::int64_t now_ms{};

  // Kind "webhook", done: the job stays, waiting, while its integration has pending events.

  /// Kind "sync": the run's new operation_status (completed, partial, failed; pending for a retry) and the
  /// integration's health.
  std::string sync_id;
  std::string sync_status;
  std::string health_status;      // empty: unchanged
  std::string connection_status;  // empty: unchanged
};

/// For the job runner of this host; not bounded by tenant.
class Jobs {
 public:
  virtual ~Jobs() = default;

  /// Takes up to `limit` due jobs (oldest due first, at most one running for each integration and kind), each with a lease until
  /// now + lease_ms, one more attempt and a new fencing token.
  virtual Result<std::vector<Job>> lease(runtime::Task& task, std::int64_t now_ms, std::int64_t lease_ms,
                                         std::size_t limit) = 0;
  /// CONFLICT: the lease was lost to another host.
  virtual Result<void> extend(runtime::Task& task, const Job& job, std::int64_t until_ms) = 0;
  /// CONFLICT: the lease was lost; nothing changes.
  virtual Result<void> finish(runtime::Task& task, const Job& job, const JobOutcome& outcome) = 0;
  /// Ends every lease, at start; returns how many. A store that hosts may share ends none (0): there leases end by time.
  virtual Result<std::int64_t> release_all(runtime::Task& task, std::int64_t now_ms) = 0;
  /// When the next waiting job is due, or the next lease ends.
  virtual Result<std::optional<std::int64_t>> next_due_ms(runtime::Task& task) = 0;
  struct Counts { std::int64_t waiting{}, running{}, dead{}; };
  virtual Result<Counts> counts(runtime::Task& task) = 0;
};

}  // namespace tomada::store
