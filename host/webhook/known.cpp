#include "host/webhook/known.hpp"

#include <utility>

namespace tomada::webhook {
namespace {

/// Refused requests of one address that each loop writes down in a second.
constexpr std::size_t k_refusals_noted_max = 10;

}  // namespace

Result<std::shared_ptr<const Known>> KnownCache::find(runtime::Task& task, std::string_view id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return read(task, id, nullptr);
  Entry& entry = found->second;
  auto& by_use = entry.known ? known_by_use_ : unknown_by_use_;
  by_use.splice(by_use.begin(), by_use, entry.used);
  const bool fresh = entry.epoch == epoch_.load(std::memory_order_acquire) &&
                     task.clock().steady() - entry.read_at < known_for_;
  if (fresh || (entry.loading && entry.known)) return entry.known;
  entry.loading = true;
  return read(task, id, std::shared_ptr<const Known>(entry.known));
}

Result<std::shared_ptr<const Known>> KnownCache::find_newer(runtime::Task& task, std::string_view id,
                                                            const std::shared_ptr<const Known>& seen,
                                                            std::chrono::milliseconds unless_younger) {
  const auto found = entries_.find(id);
  if (found != entries_.end()) {
    if (found->second.known != seen) return found->second.known;
    if (found->second.loading || task.clock().steady() - found->second.read_at < unless_younger)
      return std::shared_ptr<const Known>();
    found->second.loading = true;
  }
  TOMADA_TRY_ASSIGN(auto now_known, read(task, id, seen));
  const bool same = now_known && now_known->version() == seen->version();
  return same ? std::shared_ptr<const Known>() : std::move(now_known);
}

bool KnownCache::may_note_refusal(runtime::Task& task, std::string_view id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  const auto now = task.clock().steady();
  if (now - entry.refusals_since >= std::chrono::seconds(1)) {
    entry.refusals_since = now;
    entry.refusals_count = 0;
  }
  return ++entry.refusals_count <= k_refusals_noted_max;
}

Result<std::shared_ptr<const Known>> KnownCache::read(runtime::Task& task, std::string_view id,
                                                      const std::shared_ptr<const Known>& old) {
  // Before the row is read: what is changed while it is read counts as changed after.
  const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);
  auto loaded = load_(task, id, old);
  if (loaded.has_error()) {
    if (const auto found = entries_.find(id); found != entries_.end()) found->second.loading = false;
    return loaded;
  }
  keep(id, *loaded, task.clock().steady(), epoch);
  return loaded;
}

void KnownCache::keep(std::string_view id, std::shared_ptr<const Known> known, runtime::SteadyTime now,
                      std::uint64_t epoch) {
  Entry fresh;
  if (const auto found = entries_.find(id); found != entries_.end()) {
    fresh = std::move(found->second);
    (fresh.known ? known_by_use_ : unknown_by_use_).erase(fresh.used);
    entries_.erase(found);
  }
  auto& by_use = known ? known_by_use_ : unknown_by_use_;
  if (by_use.size() >= (known ? k_known_max : k_unknown_max)) {
    entries_.erase(by_use.back());
    by_use.pop_back();
  }
  by_use.emplace_front(id);
  fresh.known = std::move(known);
  fresh.read_at = now;
  fresh.epoch = epoch;
  fresh.loading = false;
  fresh.used = by_use.begin();
  entries_.emplace(std::string(id), std::move(fresh));
}

}  // namespace tomada::webhook
