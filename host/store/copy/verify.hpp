// Reads one table on both sides, in the same order and form, and tells whether it is the same.
#pragma once

#include "host/store/copy/source.hpp"
#include "host/store/copy/target.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace tomada::store::copying {

struct Verdict {
  std::int64_t source_rows{}, target_rows{};
  std::string source_sha256, target_sha256;
  std::string difference;  // empty: none; else a sentence with the first row that differs
};

/// `watch` hears of rows from time to time; false: CANCELLED.
Result<Verdict> verify(Source& source, Target& target, const Table& table,
                       const std::function<bool(std::int64_t rows)>& watch);

}  // namespace tomada::store::copying
