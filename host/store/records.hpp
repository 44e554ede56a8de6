// The synced records, their change order and their deletions.
#pragma once

#include "host/runtime/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store {

struct RecordChange {
  std::string entity;
  std::string external_id;
  std::string data_json;  // empty when deleted
  std::int64_t updated_at_ms{};  // the provider's; 0: not known
  bool deleted{false};
};

struct StoredRecord {
  std::string entity;
  std::string external_id;
  std::string data_json;  // of a deletion: what it was before
  std::int64_t updated_at_ms{};
  bool deleted{false};
  std::int64_t version{};   // 1 for the first, one more for each change
  std::int64_t sequence{};  // position in change order, strictly increasing for each integration
  std::string source;       // sync | webhook | local
};

/// One checkpoint: everything in it happens together or not at all.
struct Page {
  std::string tenant_id;
  std::string config_id;
  std::string sync_id;
  std::int64_t fencing_token{};  // of the job's lease; an older one is refused with CONFLICT
  std::string plugin_version;
  std::string source{"sync"};
  std::vector<RecordChange> changes;
  std::int64_t rejected_count{};  // records the plugin sent that were not valid
  std::int64_t now_ms{};

  bool marks_seen{false};  // full run: every record named here, changed or not, counts as seen in this generation
  std::int64_t generation{};

  std::string entity;  // of the run
  std::string cursor;  // the run's resume cursor from now on
  /// Set: the entity is complete. `since` is kept for the next run; with marks_seen, live records of `entity` whose
  /// generation is older than `generation` become deletions, unless `keeps_unseen`: records of this run were refused,
  /// so "not seen" does not mean "gone".
  std::optional<std::string> complete_since;
  bool keeps_unseen{false};
};

struct PageOutcome {
  std::int64_t changed_count{};    // new or different
  std::int64_t unchanged_count{};  // equal, or older than what is stored
  std::int64_t deleted_count{};    // by removal or by generation
};

class Records {
 public:
  virtual ~Records() = default;

  /// An equal record (same canonical text) makes no change; one with an older updated_at_ms than stored (both known)
  /// is ignored. Also adds the counts to the sync's row and stores the cursor and since.
  virtual Result<PageOutcome> commit(runtime::Task& task, const Page& page) = 0;

  /// In change order, from `after_sequence` (0: the start); each record appears once, at its last change.
  /// `entity` empty: all.
  virtual Result<std::vector<StoredRecord>> changes(runtime::Task& task, std::string_view tenant_id,
                                                    std::string_view config_id, std::string_view entity,
                                                    std::int64_t after_sequence, std::size_t limit) = 0;
  /// Live records of an entity (empty: of all).
  virtual Result<std::int64_t> count(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                     std::string_view entity) = 0;
};

}  // namespace tomada::store
