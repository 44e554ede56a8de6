#include "host/plugin/snapshot.hpp"

#include "host/plugin/version_order.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

namespace tomada::plugin {
namespace {

std::shared_ptr<const Release> of_content(const Versions& versions, std::string_view sha256) {
  for (const auto& one : versions.all)
    if (one.release->sha256 == sha256) return one.release;
  return nullptr;
}

void collect(const Facts& facts, const std::string& id, Versions& versions) {
  const auto add = [&](const std::string& sha256, std::int64_t installed_at_ms) {
    const auto release = facts.releases.find(sha256);
    if (release == facts.releases.end() || release->second->plugin_id != id || of_content(versions, sha256)) return;
    const auto signer = facts.signers.find(sha256);
    versions.all.push_back({release->second, installed_at_ms,
                            signer == facts.signers.end() ? std::nullopt : std::optional(signer->second)});
  };
  for (const auto& version : facts.remembered.versions)
    if (version.plugin_id == id) add(version.sha256, version.installed_at_ms);
  std::reverse(versions.all.begin(), versions.all.end());  // of one version the one that came last
  for (const Entry& entry : facts.entries)
    if (entry.plugin_id == id && entry.refusals.empty()) add(entry.sha256, 0);
  std::stable_sort(versions.all.begin(), versions.all.end(), [](const auto& left, const auto& right) {
    return compare_versions(left.release->version, right.release->version) > 0;
  });
}

void choose(const Facts& facts, const std::string& id, Versions& versions) {
  for (const auto& choice : facts.remembered.choices) {
    if (choice.plugin_id != id) continue;
    versions.current = of_content(versions, choice.sha256);
    versions.previous = of_content(versions, choice.previous_sha256);
  }
  if (!versions.current) versions.current = versions.all.front().release;
  if (versions.previous == versions.current) versions.previous = nullptr;
}

std::shared_ptr<const Approval> judge(const std::string& text, const Versions& versions) {
  auto made = std::make_shared<Approval>();  // shared by the tenants with that text
  if (auto read = from_json(text); read.has_value()) made->capabilities = *std::move(read);
  made->missing = plugin::missing(asked_by(*versions.current->manifest), made->capabilities);
  bool is_before = false;  // never a newer one: it may be what current was a roll-back from
  for (const auto& one : versions.all) {
    is_before = is_before || one.release == versions.current;
    if (!is_before || plugin::missing(asked_by(*one.release->manifest), made->capabilities)) continue;
    made->release = one.release;
    break;
  }
  return made;
}

void approve(const Facts& facts, const std::string& id, Versions& versions) {
  std::map<std::string_view, std::shared_ptr<const Approval>> judged;  // by text: there are few
  const auto& all = facts.remembered.approvals;
  const auto [first, last] = std::ranges::equal_range(all, id, {}, &store::PluginApproval::plugin_id);
  for (auto one = first; one != last; ++one) {
    auto& approval = judged[one->capabilities];
    if (!approval) approval = judge(one->capabilities, versions);
    versions.approvals.emplace(one->tenant_id, approval);
  }
}

}  // namespace

std::shared_ptr<const Release> Versions::find(std::string_view version) const {
  const auto found = std::find_if(all.begin(), all.end(), [&](const One& one) { return one.release->version == version; });
  return found == all.end() ? nullptr : found->release;
}

bool Versions::has(std::string_view sha256) const { return of_content(*this, sha256) != nullptr; }

std::string Versions::names() const {
  std::string names;
  for (auto one = all.rbegin(); one != all.rend(); ++one) names += (names.empty() ? "" : ", ") + one->release->version;
  return names;
}

bool Versions::holds_back(const Release& release) const {
  // Another version is not to suffer, above all not the one that was rolled back to.
  return quarantine && (quarantine->version.empty() || quarantine->version == release.version);
}

std::shared_ptr<const Release> Versions::meant_for(std::string_view tenant_id) const {
  const auto pin = pins.find(tenant_id);
  return pin == pins.end() ? current : pin->second.release;
}

std::shared_ptr<const Release> Versions::used_by(std::string_view tenant_id) const {
  if (pins.contains(tenant_id)) return meant_for(tenant_id);
  const auto approval = approvals.find(tenant_id);
  return approval == approvals.end() || !approval->second->release ? current : approval->second->release;
}

std::optional<Capabilities> Versions::missing(const Release& release, std::string_view tenant_id) const {
  const auto approval = approvals.find(tenant_id);
  if (approval == approvals.end()) return asked_by(*release.manifest);
  if (approval->second->release.get() == &release) return std::nullopt;  // nearly every call
  return plugin::missing(asked_by(*release.manifest), approval->second->capabilities);
}

std::size_t Versions::waiting_count() const {
  std::size_t count = 0;
  for (const auto& [tenant_id, approval] : approvals) {
    const auto pin = pins.find(tenant_id);
    const bool waits = pin == pins.end() ? approval->missing.has_value()
                                         : pin->second.release && missing(*pin->second.release, tenant_id);
    if (waits) ++count;
  }
  return count;
}

const Versions* Snapshot::find(std::string_view plugin_id) const {
  const auto found = plugins.find(plugin_id);
  return found == plugins.end() ? nullptr : &found->second;
}

std::shared_ptr<const Snapshot> make_snapshot(const Facts& facts) {
  auto made = std::make_shared<Snapshot>();  // shared with everyone who looks something up meanwhile
  made->entries = facts.entries;
  for (const std::string& id : facts.plugin_ids) {
    Versions versions;
    collect(facts, id, versions);
    if (versions.all.empty()) continue;
    choose(facts, id, versions);
    approve(facts, id, versions);
    for (const auto& pin : facts.remembered.pins)
      if (pin.plugin_id == id) versions.pins[pin.tenant_id] = {pin.version, versions.find(pin.version)};
    for (const auto& quarantine : facts.remembered.quarantines)
      if (quarantine.plugin_id == id) versions.quarantine = quarantine;
    if (const auto held = facts.held_back.find(id); held != facts.held_back.end()) versions.quarantine = held->second;
    made->plugins.emplace(id, std::move(versions));
  }
  return made;
}

}  // namespace tomada::plugin
