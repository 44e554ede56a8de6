#include "host/plugin/blame.hpp"

#include <algorithm>
#include <utility>

namespace tomada::plugin {
namespace {

constexpr std::size_t k_suspects_max = 10'000;  // beyond it a job is tried again among others
constexpr std::size_t k_incidents_max = 100;    // of one plugin, within the window

}  // namespace

bool Blame::suspects(std::string_view job) const {
  if (job.empty()) return false;
  const std::lock_guard lock(mutex_);
  return suspects_.find(job) != suspects_.end();
}

Blame::Incident& Blame::incident(const std::string& plugin_id, const std::shared_ptr<const abi::Crash>& crash) {
  auto& all = incidents_[plugin_id];
  const runtime::SteadyTime now = clock_.steady();
  while (!all.empty() && (now - all.front().at > k_crash_window || all.size() > k_incidents_max)) all.pop_front();
  for (Incident& known : all)
    if (known.crash == crash) return known;
  return all.emplace_back(Incident{.at = now, .crash = crash});
}

/// Three of the newest one's version that count, and not all of them explained by one integration.
std::shared_ptr<const abi::Crash> Blame::too_much(const std::string& plugin_id) {
  std::size_t count = 0;
  std::shared_ptr<const abi::Crash> last;
  std::set<std::optional<std::string>> sources;
  const auto& all = incidents_[plugin_id];
  for (auto one = all.rbegin(); one != all.rend(); ++one) {
    if (!one->counts || clock_.steady() - one->at > k_crash_window) continue;
    if (!last) last = one->crash;
    if (one->crash->version != last->version) continue;
    ++count;
    sources.insert(one->integration);
  }
  return count >= k_crashes_max && (sources.size() > 1 || sources.contains(std::nullopt)) ? last : nullptr;
}

Blame::Verdict Blame::crashed(const std::string& plugin_id, const std::shared_ptr<const abi::Crash>& crash,
                              const std::string& job, const std::string& integration) {
  const std::lock_guard lock(mutex_);
  Incident& now = incident(plugin_id, crash);
  Verdict verdict;
  if (crash->calls_count > 1) {
    if (!job.empty() && suspects_.size() < k_suspects_max) {
      suspects_.try_emplace(job, Suspect{plugin_id});
      now.suspects.insert(job);
    }
    return verdict;  // what it says is known when the suspects have run alone
  }
  now.counts = true;
  if (!job.empty()) {
    now.integration = integration;
    for (Incident& one : incidents_[plugin_id]) {
      if (one.suspects.erase(job) == 0) continue;
      one.suspects.clear();
      one.integration = integration;
      one.counts = true;
    }
    Suspect& suspect = suspects_.try_emplace(job, Suspect{plugin_id}).first->second;
    verdict.gives_up_job = ++suspect.crashes_alone >= k_crashes_alone_max;
    if (verdict.gives_up_job || suspects_.size() > k_suspects_max) suspects_.erase(job);
  }
  verdict.quarantines = too_much(plugin_id);
  return verdict;
}

Blame::Verdict Blame::crashed_idle(const std::string& plugin_id, const std::shared_ptr<const abi::Crash>& crash) {
  const std::lock_guard lock(mutex_);
  incident(plugin_id, crash).counts = true;
  return {.quarantines = too_much(plugin_id)};
}

Blame::Verdict Blame::acquit(const std::string& plugin_id, const std::string& job) {
  const std::lock_guard lock(mutex_);
  suspects_.erase(job);
  for (Incident& one : incidents_[plugin_id])
    if (one.suspects.erase(job) == 1 && one.suspects.empty()) one.counts = true;  // and nobody explains it
  return {.quarantines = too_much(plugin_id)};
}

void Blame::forget(const std::string& plugin_id) {
  const std::lock_guard lock(mutex_);
  incidents_.erase(plugin_id);
  std::erase_if(suspects_, [&](const auto& entry) { return entry.second.plugin_id == plugin_id; });
}

}  // namespace tomada::plugin
