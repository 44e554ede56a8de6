// Sync runs (table sync_operations) and, for each integration and entity, what the next run starts from.
#pragma once

#include "host/runtime/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

struct Sync {
  std::string sync_id;
  std::string tenant_id;
  std::string config_id;
  std::string entity_type;  // one entity, or "*" for all of the manifest
  std::string mode;         // full | incremental
  std::string operation_status{"pending"};  // pending | processing | completed | failed | partial
  std::int64_t records_processed{};
  std::int64_t records_successful{};  // changed + unchanged
  std::int64_t records_changed{};
  std::int64_t records_deleted{};
  std::int64_t records_failed{};
  std::int64_t progress_current{};
  std::int64_t progress_total{};  // 0: not known
  std::int64_t retry_count{};
  std::optional<std::int64_t> started_at_ms;
  std::optional<std::int64_t> completed_at_ms;
  std::optional<std::int64_t> next_retry_at_ms;
  std::string error_code;  // the word of Errc; empty: none
  std::string error_message;
  std::int64_t created_at_ms{};

  // Where the run stands: which entity, its generation, and the last checkpoint's cursor.
  std::string current_entity;
  std::int64_t generation{};
  std::string cursor;
  std::vector<std::string> entities_done;
};

class Syncs {
 public:
  virtual ~Syncs() = default;

  /// Adds the run and its job (kind "sync", payload {"sync_id":…}) in one transaction.
  /// CONFLICT with the id of the running one as message when this integration has a pending or processing sync.
  virtual Result<void> enqueue(runtime::Task& task, const Sync& sync, std::string_view job_id) = 0;

  virtual Result<std::optional<Sync>> find(runtime::Task& task, std::string_view tenant_id,
                                           std::string_view sync_id) = 0;
  /// Newest first; `status` empty: all. `before_id` empty for the first page.
  virtual Result<std::vector<Sync>> list(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                         std::string_view status, std::string_view before_id, std::size_t limit) = 0;

  /// The run begins or goes on: status processing, started_at once.
  virtual Result<void> start(runtime::Task& task, const Sync& sync, std::int64_t fencing_token,
                             std::int64_t now_ms) = 0;
  /// The run turns to `entity`: takes the next generation of (integration, entity), clears the cursor.
  /// Returns that generation.
  virtual Result<std::int64_t> start_entity(runtime::Task& task, const Sync& sync, std::string_view entity,
                                            std::int64_t fencing_token) = 0;
  /// What the last complete() of (integration, entity) left; empty the first time.
  virtual Result<std::string> since(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                    std::string_view entity) = 0;
  /// For people who watch; may be lost in a crash.
  virtual Result<void> set_progress(runtime::Task& task, const Sync& sync, std::int64_t current,
                                    std::int64_t total) = 0;
  /// The entity's plugin call returned OK: adds it to entities_done.
  virtual Result<void> finish_entity(runtime::Task& task, const Sync& sync, std::string_view entity,
                                     std::int64_t fencing_token) = 0;
};

}  // namespace tomada::store
