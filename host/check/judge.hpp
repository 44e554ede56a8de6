// Which rule an observation breaks.
#pragma once

#include "host/check/observation.hpp"

#include <optional>
#include <string>

namespace tomada::check {

struct Finding {
  std::string rule;    // as in sdk-docs/rules.md: C01 …, K01 …
  std::string reason;  // for people
};

/// What holds for every call, whatever was answered.
std::optional<Finding> judge(const Job& job, const Observation& seen);
/// Each request was answered with an error, or with what is no answer at all.
std::optional<Finding> judge_refused(const Job& job, const Observation& seen);
/// The same job in the host's process and in a worker.
std::optional<Finding> judge_alike(const Observation& here, const Observation& there);

}  // namespace tomada::check
