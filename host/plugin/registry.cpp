#include "host/plugin/registry.hpp"

#include "host/plugin/registry_impl.hpp"
#include "host/plugin/version_order.hpp"
#include "host/plugin/watcher.hpp"
#include "host/runtime/blocking_pool.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;
using runtime::Task;

/// A directory whose changes are not told is looked at this often, and whatever failed is tried again.
constexpr std::chrono::milliseconds k_look_interval{2'000};

}  // namespace

void Registry::Impl::publish() {
  std::set<std::string> known;
  for (const auto& version : facts.remembered.versions) known.insert(version.sha256);
  for (const auto& entry : facts.entries) known.insert(entry.sha256);
  const auto is_unknown = [&](const auto& by_sha256) { return !known.contains(by_sha256.first); };
  std::erase_if(facts.releases, is_unknown);
  std::erase_if(facts.signers, is_unknown);
  auto made = make_snapshot(facts);
  if (around) tell(*snapshot(), *made);
  {
    const std::lock_guard lock(mutex);
    now = std::move(made);
  }
  if (around && around->changed) around->changed();
}

Result<void> Registry::Impl::reload(Task& task, const std::vector<store::PluginChoice>& before) {
  TOMADA_TRY_ASSIGN(facts.remembered, around->plugins.all(task));
  TOMADA_TRY(adopt(task, before));
  publish();
  return {};
}

/// An approval from before capabilities were recorded is for what the tenant's calls used, so that an upgrade of the host
/// stops no sync: the pinned version, else what was chosen before this start's new files, else what came with them.
Result<void> Registry::Impl::adopt(Task& task, const std::vector<store::PluginChoice>& before) {
  std::set<std::string> unwritten;
  for (const auto& approval : facts.remembered.approvals)
    if (approval.capabilities.empty()) unwritten.insert(approval.plugin_id);
  if (unwritten.empty()) return {};
  const auto known = make_snapshot(facts);
  std::int64_t adopted_count = 0;
  const auto write = [&](const std::string& tenant_id, const Release& release) -> Result<void> {
    const Capabilities asked = asked_by(*release.manifest);
    TOMADA_TRY_ASSIGN(const std::int64_t count,
                      around->plugins.adopt(task, {.plugin_id = release.plugin_id, .tenant_id = tenant_id, .capabilities = to_json(asked),
                                                   .approved_by = "upgrade", .approved_at_ms = task.clock().unix_ms()}));
    if (count > 0)
      spdlog::info("plugin {}: {} tenant(s) were allowed it before its capabilities were recorded; approved is what version {} asks for: {}",
                   release.plugin_id, count, release.version, words(asked, k_hosts_told_max));
    adopted_count += count;
    return {};
  };
  for (const std::string& id : unwritten) {
    const Versions* const versions = known->find(id);
    if (versions == nullptr) continue;  // when it is here
    for (const auto& [tenant_id, pin] : versions->pins)
      if (pin.release) TOMADA_TRY(write(tenant_id, *pin.release));
    auto used = versions->current;
    for (const auto& choice : before)
      if (const auto release = facts.releases.find(choice.sha256); choice.plugin_id == id && release != facts.releases.end())
        used = release->second;
    TOMADA_TRY(write({}, *used));
  }
  if (adopted_count == 0) return {};
  TOMADA_TRY_ASSIGN(facts.remembered, around->plugins.all(task));
  return {};
}

void Registry::Impl::tell(const Snapshot& before, const Snapshot& after) {
  for (const auto& [id, versions] : after.plugins) {
    around->metrics.plugin_quarantined(id, versions.quarantine.has_value());
    const std::size_t waiting_count = versions.waiting_count();
    around->metrics.plugin_approvals_waiting(id, waiting_count);
    const Versions* const old = before.find(id);
    if (waiting_count == 0 || (old != nullptr && old->current == versions.current && old->waiting_count() > 0)) continue;
    spdlog::warn("plugin {}: {} tenant(s) wait until what version {} asks for is approved: {}; an earlier version goes on where there "
                 "is one; tomada plugin list names them", id, waiting_count, versions.current->version,
                 words(asked_by(*versions.current->manifest), k_hosts_told_max));
  }
}

void Registry::Impl::tell(const Found& found) {
  const Entry& entry = found.entry;
  for (const auto& refusal : entry.refusals)
    spdlog::warn("plugin file {} refused ({}): {}", entry.file.string(), refusal.rule, refusal.reason);
  if (entry.refusals.empty())
    spdlog::info("plugin {} {} available ({})", entry.plugin_id, entry.version, entry.file.filename().string());
  around->metrics.plugin_loaded(entry.plugin_id, entry.refusals.empty());
}

void Registry::Impl::refuse(Found& found, abi::Refusal refusal) {
  directory.refuse(found.entry.file, refusal);
  found.entry.refusals.push_back(std::move(refusal));
  found.release = nullptr;
  tell(found);
}

/// Good files with a content that is not in use yet; the newest version of each plugin first.
Registry::Impl::ByPlugin Registry::Impl::sort_out(std::vector<Found>& found, bool is_start) {
  ByPlugin fresh;
  const auto before = snapshot();
  const auto is_known = [&](const Found& one) {
    const auto& versions = facts.remembered.versions;
    if (is_start)
      return std::any_of(versions.begin(), versions.end(), [&](const store::PluginVersion& version) {
        return version.plugin_id == one.entry.plugin_id && version.sha256 == one.entry.sha256;
      });
    const Versions* const plugin = before->find(one.entry.plugin_id);
    return plugin != nullptr && plugin->current->sha256 == one.entry.sha256;
  };
  for (Found& one : found) {
    if (!one.is_new) continue;
    if (!one.release || is_known(one)) tell(one);
    else fresh[one.entry.plugin_id].push_back(&one);
  }
  for (auto& [id, files] : fresh)
    std::stable_sort(files.begin(), files.end(), [](const Found* left, const Found* right) {
      return compare_versions(left->entry.version, right->entry.version) > 0;
    });
  return fresh;
}

Result<void> Registry::Impl::probe(Task& task, ByPlugin& fresh) {
  if (!around->probe) return {};
  for (auto& [id, files] : fresh)
    for (auto at = files.begin(); at != files.end();) {
      const auto probed = around->probe(task, *(*at)->release);
      TOMADA_TRY(task.check());  // else the interruption would look like the plugin's own fault
      if (probed.has_value()) {
        ++at;
        continue;
      }
      refuse(**at, abi::refusal_of(probed.error().message, "P21"));
      at = files.erase(at);
    }
  return {};
}

void Registry::Impl::note(const Found& found) {
  if (!found.release) return;
  facts.releases[found.release->sha256] = found.release;
  if (found.entry.signer) facts.signers[found.release->sha256] = *found.entry.signer;
}

/// A plugin that is here has all versions that the store remembers, whose copies are whole and trusted.
Result<void> Registry::Impl::recall(Task& task, const std::vector<Found>& found) {
  std::set<std::string> appeared;
  for (const Found& one : found)
    if (one.release && facts.plugin_ids.insert(one.entry.plugin_id).second) appeared.insert(one.entry.plugin_id);
  const std::size_t trust_changes_count = directory.trust_changes_count();
  if (std::exchange(trust_changes_seen, trust_changes_count) != trust_changes_count) {  // what ran until now is judged anew
    facts.releases.clear();
    facts.signers.clear();
    appeared = facts.plugin_ids;
  }
  if (appeared.empty()) return {};
  return runtime::run_blocking(task, pool, [&]() -> Result<void> {
    for (const auto& version : facts.remembered.versions) {
      if (!appeared.contains(version.plugin_id)) continue;
      auto kept = directory.kept(version.plugin_id, version.sha256);
      if (kept.has_value()) note(*kept);
      else spdlog::warn("plugin {} {} is not available any more: {}", version.plugin_id, version.version, kept.error().message);
    }
    return {};
  });
}

/// The first one becomes current; the others are there for pins.
Result<void> Registry::Impl::take_over(Task& task, const std::string& id, const std::vector<Found*>& newest_first) {
  const std::int64_t now_ms = task.clock().unix_ms();
  for (auto at = newest_first.rbegin(); at != newest_first.rend(); ++at) {
    const Entry& entry = (*at)->entry;
    TOMADA_TRY(around->plugins.add_version(
        task, {.plugin_id = id, .sha256 = entry.sha256, .version = entry.version, .installed_at_ms = now_ms}));
  }
  TOMADA_TRY(around->plugins.choose(task, id, newest_first.front()->entry.sha256, now_ms));
  facts.held_back.erase(id);
  const auto lifted = around->plugins.release(task, id);
  if (lifted.has_value()) {
    spdlog::info("plugin {}: version {} ends its quarantine", id, newest_first.front()->entry.version);
    if (around->released) around->released(id);
  } else if (lifted.error().code != Errc::not_found) {
    return lifted.error();
  }
  return {};
}

Result<void> Registry::Impl::admit(Task& task, std::vector<Found> found, bool is_start) {
  const bool is_changed = is_start || is_stale || trust_changes_seen != directory.trust_changes_count() || found.size() != facts.entries.size() ||
                          !std::equal(found.begin(), found.end(), facts.entries.begin(), [](const Found& one, const Entry& entry) {
                            return !one.is_new && one.entry.file == entry.file && one.entry.signer == entry.signer;
                          });
  if (!is_changed) return {};
  is_stale = true;
  ByPlugin fresh = sort_out(found, is_start);
  TOMADA_TRY(probe(task, fresh));

  const Gate::Turn turn = gate.take(task);
  TOMADA_TRY(recall(task, found));
  const auto choices_before = facts.remembered.choices;
  Result<void> outcome;
  for (auto& [id, files] : fresh) {
    if (files.empty()) continue;
    if (auto taken = take_over(task, id, files); taken.has_error()) {
      if (taken.error().code == Errc::conflict) {
        for (Found* const one : files) refuse(*one, {"P22", taken.error().message});
        continue;
      }
      for (Found* const one : files) directory.forget(one->entry.file);  // the next look tries again
      outcome = std::move(taken).error().within("plugin " + id);
      continue;
    }
    for (const Found* const one : files) tell(*one);
  }
  facts.entries.clear();
  for (Found& one : found) {
    note(one);
    facts.entries.push_back(std::move(one.entry));
  }
  TOMADA_TRY(reload(task, choices_before));
  is_stale = false;
  return outcome;
}

void Registry::Impl::follow(Task& task, Registry& registry) {
  Watcher watcher(task.loop(), directory.path());
  std::pair<std::uint64_t, std::uint64_t> watched{};
  std::string last_trouble;
  const auto say = [&](const std::string& trouble) {
    if (trouble != last_trouble && !trouble.empty()) spdlog::warn("plugins: {}", trouble);
    last_trouble = trouble;
  };
  while (!task.interruption()) {
    // A directory may be replaced as a whole, by a link to another one.
    const auto there = runtime::run_blocking(task, pool, [&] { return Result<decltype(watched)>(directory.identity()); });
    std::string trouble;
    if (!watcher.works() || (there.has_value() && *there != watched)) {
      const auto started = watcher.start();
      if (started.has_error())
        trouble = started.error().message + "; changes are seen after " + std::to_string(k_look_interval.count()) + " ms";
      else if (there.has_value()) watched = *there;
    }
    Changes changes = watcher.wait(task, k_look_interval);
    if (task.interruption()) return;
    const bool is_idle = changes.empty();
    if (is_idle) changes.all = changes.settled = true;  // also what is not told: behind links, on other machines
    auto refreshed = registry.refresh(task, changes);
    if (is_idle && refreshed.has_value()) refreshed = registry.catch_up(task);
    if (refreshed.has_error() && !task.interruption()) trouble = refreshed.error().message;
    say(trouble);
  }
}

bool RegistryOptions::runs_here(const std::string& plugin_id) const {
  return in_process || std::find(in_process_plugins.begin(), in_process_plugins.end(), plugin_id) != in_process_plugins.end();
}

Registry::Registry(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Registry::~Registry() = default;

Result<std::unique_ptr<Registry>> Registry::scan(const fs::path& plugin_dir, const fs::path& private_dir,
                                                 RegistryOptions options, const TrustOptions& whose) {
  TOMADA_TRY_ASSIGN(Copies copies, Copies::open(private_dir));
  TOMADA_TRY_ASSIGN(Trust trust, Trust::make(whose));
  Directory directory(plugin_dir, std::move(copies), std::move(trust), [options = std::move(options)](const std::string& plugin_id) {
    return options.runs_here(plugin_id);
  });
  auto impl = std::make_unique<Impl>(std::move(directory));
  TOMADA_TRY_ASSIGN(impl->first_look, impl->directory.look({.names = {}, .touched = {}, .all = true}));
  Facts& facts = impl->facts;
  for (const Found& found : impl->first_look) {
    facts.entries.push_back(found.entry);
    impl->note(found);
  }
  for (const auto& [sha256, release] : facts.releases) facts.plugin_ids.insert(release->plugin_id);
  impl->publish();
  return std::unique_ptr<Registry>(new Registry(std::move(impl)));
}

std::shared_ptr<const Snapshot> Registry::snapshot() const { return impl_->snapshot(); }

std::shared_ptr<const std::vector<Entry>> Registry::entries() const {
  auto all = snapshot();
  return {all, &all->entries};
}

Result<void> Registry::remember(Task& task, Surroundings surroundings) {
  Impl& impl = *impl_;
  impl.around.emplace(std::move(surroundings));
  TOMADA_TRY_ASSIGN(impl.facts.remembered, impl.around->plugins.all(task));
  impl.facts.plugin_ids.clear();  // recall() gets them again, with their earlier versions
  TOMADA_TRY(impl.admit(task, std::exchange(impl.first_look, {}), true));
  std::set<std::string> used;
  for (const auto& version : impl.facts.remembered.versions) used.insert(version.sha256);
  for (const auto& entry : impl.facts.entries) used.insert(entry.sha256);
  return runtime::run_blocking(task, impl.pool, [&]() -> Result<void> {
    impl.directory.remove_copies_but(used);
    return {};
  });
}

Result<void> Registry::refresh(Task& task, const Changes& changes) {
  TOMADA_TRY_ASSIGN(auto found, runtime::run_blocking(task, impl_->pool, [&] { return impl_->directory.look(changes); }));
  return impl_->admit(task, std::move(found), false);
}

Result<void> Registry::catch_up(Task& task) {
  const Gate::Turn turn = impl_->gate.take(task);
  Facts& facts = impl_->facts;
  TOMADA_TRY_ASSIGN(auto remembered, impl_->around->plugins.all(task));
  if (remembered == facts.remembered) return {};
  for (const auto& quarantine : facts.remembered.quarantines) {
    const auto same = [&](const store::PluginQuarantine& other) { return other.plugin_id == quarantine.plugin_id; };
    if (impl_->around->released && std::none_of(remembered.quarantines.begin(), remembered.quarantines.end(), same))
      impl_->around->released(quarantine.plugin_id);
  }
  facts.remembered = std::move(remembered);
  TOMADA_TRY(impl_->adopt(task, {}));
  impl_->publish();
  return {};
}

void Registry::watch(runtime::Loop& loop) {
  loop.post([this, &loop] {
    runtime::spawn("plugin.watch", loop, runtime::Deadline::never(), [this](Task& task) { impl_->follow(task, *this); });
  });
}

}  // namespace tomada::plugin
