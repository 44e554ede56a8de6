// What a change means for a record that is known already: the same for every engine.
#pragma once

#include "host/store/records.hpp"

#include <cstdint>
#include <string_view>

namespace tomada::store {

struct KnownRecord {
  bool deleted{};
  std::int64_t updated_at_ms{};  // 0: not known
  std::string_view data_json;
};

enum class Effect {
  none,       // equal, or older than what is stored
  confirmed,  // equal, at a later time: what is older than that must not replace it any more
  changed,
  deleted,
};

inline Effect judge(const RecordChange& change, const KnownRecord& known) {
  const bool both_times_known = known.updated_at_ms != 0 && change.updated_at_ms != 0;
  if (both_times_known && change.updated_at_ms < known.updated_at_ms) return Effect::none;
  const bool is_equal = change.deleted ? known.deleted : !known.deleted && known.data_json == change.data_json;
  if (is_equal) return change.updated_at_ms > known.updated_at_ms ? Effect::confirmed : Effect::none;
  return change.deleted ? Effect::deleted : Effect::changed;
}

/// What the record's time is then. Unknown does not replace a known time, so that an older change stays recognisable.
inline std::int64_t next_time_ms(const RecordChange& change, const KnownRecord& known) {
  return change.updated_at_ms != 0 ? change.updated_at_ms : known.updated_at_ms;
}

}  // namespace tomada::store
