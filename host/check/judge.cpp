#include "host/check/judge.hpp"

#include <algorithm>
#include <cctype>

namespace tomada::check {
namespace {

/// Services that a call may still ask for after its end: one that does not look at their results for a page of records.
constexpr std::uint64_t k_after_end_max = 20;

/// The host's words for a broken rule begin with its number: "C05: …".
Finding finding_of_fault(const std::string& fault) {
  const bool is_numbered = fault.size() > 5 && fault[0] == 'C' && std::isdigit(static_cast<unsigned char>(fault[1])) != 0 && fault.substr(3, 2) == ": ";
  if (is_numbered) return {fault.substr(0, 3), fault.substr(5)};
  return {"C02", fault};
}

bool was_cancelled(const Observation& seen) {
  return std::find(seen.transcript.begin(), seen.transcript.end(), "cancelled") != seen.transcript.end();
}

/// The first line that differs, for a reason.
std::string difference(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string here = i < left.size() ? left[i] : "nothing more";
    const std::string there = i < right.size() ? right[i] : "nothing more";
    if (here != there) return "step " + std::to_string(i + 1) + ": " + here.substr(0, 300) + " and not " + there.substr(0, 300);
  }
  return "no difference";
}

}  // namespace

std::optional<Finding> judge(const Job& job, const Observation& seen) {
  if (seen.crash.starts_with("did not") || seen.crash.starts_with("asked for"))
    return Finding{seen.crash.starts_with("did not") ? "K02" : "K04", "a call " + seen.crash};
  if (!seen.crash.empty()) return Finding{"K01", "its process " + seen.crash};
  if (!seen.faults.empty()) return finding_of_fault(seen.faults.front());
  if (seen.handles_left_count > 0)
    return Finding{"K03", std::to_string(seen.handles_left_count) + " responses were not released before the call returned"};
  if (was_cancelled(seen) && seen.status == "ok") return Finding{"K04", "a call that was cancelled returned OK"};
  if (seen.asked_after_end_count > k_after_end_max)
    return Finding{"K04", "a call that was cancelled went on for " + std::to_string(seen.asked_after_end_count) + " services"};
  if (!seen.leaks.empty()) return Finding{"K05", seen.leaks.front()};
  if (!seen.undeclared.empty()) return Finding{"K15", seen.undeclared.front()};
  // Those of a webhook are kept with its event.
  if (job.what == "sync" && seen.status == "ok" && seen.unsaved_count > 0)
    return Finding{"K06", std::to_string(seen.unsaved_count) + " records came after the last checkpoint and are lost: end with checkpoint() or complete()"};
  return std::nullopt;
}

std::optional<Finding> judge_refused(const Job& job, const Observation& seen) {
  const std::string answer = job.answers.status >= 200 && job.answers.status < 300 ? "what is no answer of the provider" : std::to_string(job.answers.status);
  if (!seen.completed.empty())
    return Finding{"K07", "complete() although each request was answered with " + answer + ": the host deletes all that was not seen"};
  if (seen.status == "ok" && !seen.transcript.empty() && seen.transcript.front() != "cancelled")
    return Finding{"K08", job.what + " returned OK although each request was answered with " + answer};
  return std::nullopt;
}

std::optional<Finding> judge_alike(const Observation& here, const Observation& there) {
  if (here.status != there.status) return Finding{"K10", "ends as " + here.status + " in the host's process and as " + there.status + " in a worker"};
  if (here.transcript != there.transcript) return Finding{"K10", "in the host's process and in a worker: " + difference(here.transcript, there.transcript)};
  if (here.records != there.records) return Finding{"K10", "other records in the host's process than in a worker"};
  return std::nullopt;
}

}  // namespace tomada::check
