// Which version a call uses, and what the operator chooses.
#include "host/base/encoding.hpp"
#include "host/plugin/registry_impl.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace tomada::plugin {
namespace {

using runtime::Task;

Error no_plugin(std::string_view plugin_id) {
  return fail(Errc::not_found, "no plugin named " + std::string(plugin_id) + " is available on this host");
}

Error no_version(const Versions& versions, const std::string& plugin_id, const std::string& version) {
  return fail(Errc::not_found, "there is no version " + version + " of plugin " + plugin_id + "; there are: " + versions.names());
}

Error held_back(const store::PluginQuarantine& quarantine) {
  return fail(Errc::unavailable, "plugin " + quarantine.plugin_id + " is in quarantine since " +
                                     format_time(quarantine.since_ms) + ": " + quarantine.reason +
                                     "; release it with: tomada plugin release " + quarantine.plugin_id);
}

std::string asks_for_more(const Release& release, const Capabilities& more) {
  return "version " + release.version + " of plugin " + release.plugin_id + " asks for more than was approved for this tenant: " +
         words(more, k_hosts_told_max);
}

/// Whether the tenant may run it now.
Result<void> check(const Versions& versions, const Release& release, std::string_view tenant_id) {
  if (!versions.approvals.contains(tenant_id))
    return fail(Errc::unavailable, "plugin " + release.plugin_id + " is not allowed for this tenant; the operator allows it with: " +
                                       "tomada plugin allow " + release.plugin_id + " --tenant NAME");
  if (const auto more = versions.missing(release, tenant_id)) {
    const bool is_meant = versions.meant_for(tenant_id).get() == &release;
    return fail(Errc::unavailable, asks_for_more(release, *more) + "; the operator approves it with: tomada plugin allow " +
                                       release.plugin_id + (is_meant ? "" : "@" + release.version) + " --tenant NAME");
  }
  if (versions.holds_back(release)) return held_back(*versions.quarantine);
  return {};
}

}  // namespace

std::shared_ptr<const Release> Registry::find(std::string_view plugin_id) const {
  const auto all = snapshot();
  const Versions* const versions = all->find(plugin_id);
  return versions == nullptr ? nullptr : versions->current;
}

std::shared_ptr<const Release> Registry::find(std::string_view plugin_id, std::string_view tenant_id) const {
  const auto all = snapshot();
  const Versions* const versions = all->find(plugin_id);
  return versions == nullptr ? nullptr : versions->used_by(tenant_id);
}

Result<std::shared_ptr<const Release>> Registry::choose(std::string_view plugin_id, std::string_view tenant_id) const {
  const auto all = snapshot();
  const Versions* const versions = all->find(plugin_id);
  if (versions == nullptr) return no_plugin(plugin_id);
  auto release = versions->used_by(tenant_id);
  if (!release)
    return fail(Errc::unavailable, "this tenant is pinned to version " + versions->pins.find(tenant_id)->second.version + " of plugin " +
                                       std::string(plugin_id) + ", which is not here any more; there are: " + versions->names());
  TOMADA_TRY(check(*versions, *release, tenant_id));
  return release;
}

Result<void> Registry::may_run(const Release& release, std::string_view tenant_id) const {
  const auto all = snapshot();
  const Versions* const versions = all->find(release.plugin_id);
  if (versions == nullptr) return no_plugin(release.plugin_id);
  if (!versions->has(release.sha256))
    return fail(Errc::unavailable, "version " + release.version + " of plugin " + release.plugin_id + " is not here any more");
  return check(*versions, release, tenant_id);
}

Result<std::shared_ptr<const Release>> Registry::asking(const std::string& plugin_id, const std::string& version,
                                                        std::string_view tenant_id) const {
  const auto all = snapshot();
  const Versions* const versions = all->find(plugin_id);
  if (versions == nullptr) return no_plugin(plugin_id);
  auto release = version.empty() ? versions->meant_for(tenant_id) : versions->find(version);
  if (!release && !version.empty()) return no_version(*versions, plugin_id, version);
  return release ? release : versions->current;
}

Result<Capabilities> Registry::allow(Task& task, const Allowance& allowance) {
  const Gate::Turn turn = impl_->gate.take(task);
  TOMADA_TRY_ASSIGN(const auto release, asking(allowance.plugin_id, allowance.version, allowance.tenant_id));
  if (const auto more = missing(asked_by(*release->manifest), allowance.seen))
    return fail(Errc::conflict, "by now version " + release->version + " of plugin " + release->plugin_id + " asks for more: " +
                                    words(*more, k_hosts_told_max) + "; look again at what it asks for");
  Capabilities approved = allowance.seen;
  const auto all = snapshot();
  // What was approved stays so, or a roll-back would wait for an approval that was given once.
  const auto& approvals = all->find(allowance.plugin_id)->approvals;
  if (const auto before = approvals.find(allowance.tenant_id); before != approvals.end())
    approved = united(std::move(approved), before->second->capabilities);
  const std::string text = to_json(approved);
  TOMADA_TRY(from_json(text));  // its size
  TOMADA_TRY(impl_->around->plugins.approve(task, {.plugin_id = allowance.plugin_id,
                                                   .tenant_id = allowance.tenant_id,
                                                   .capabilities = text,
                                                   .approved_by = allowance.approved_by,
                                                   .approved_at_ms = task.clock().unix_ms()}));
  spdlog::info("plugin {}: {} approved for tenant {}: {}", allowance.plugin_id, allowance.approved_by, allowance.tenant_id,
               words(approved, k_hosts_told_max));
  TOMADA_TRY(impl_->reload(task));
  return approved;
}

Result<std::shared_ptr<const Release>> Registry::rollback(Task& task, std::string_view plugin_id) {
  const Gate::Turn turn = impl_->gate.take(task);
  const auto all = snapshot();
  const Versions* const versions = all->find(plugin_id);
  if (versions == nullptr) return no_plugin(plugin_id);
  if (!versions->previous)
    return fail(Errc::conflict, "plugin " + std::string(plugin_id) + " has no previous version to go back to; there are: " +
                                    versions->names());
  const auto next = versions->previous;
  TOMADA_TRY(impl_->around->plugins.choose(task, plugin_id, next->sha256, task.clock().unix_ms()));
  spdlog::info("plugin {}: rolled back from version {} to {}", plugin_id, versions->current->version, next->version);
  TOMADA_TRY(impl_->reload(task));
  return next;
}

Result<void> Registry::pin(Task& task, const store::PluginPin& pin) {
  const Gate::Turn turn = impl_->gate.take(task);
  const auto all = snapshot();
  const Versions* const versions = all->find(pin.plugin_id);
  if (versions == nullptr) return no_plugin(pin.plugin_id);
  const auto release = versions->find(pin.version);
  if (!release) return no_version(*versions, pin.plugin_id, pin.version);
  if (versions->approvals.contains(pin.tenant_id))
    if (const auto more = versions->missing(*release, pin.tenant_id))
      return fail(Errc::conflict, asks_for_more(*release, *more) + "; approve that first with: tomada plugin allow " + pin.plugin_id +
                                      "@" + pin.version + " --tenant NAME");
  TOMADA_TRY(impl_->around->plugins.pin(task, pin));
  spdlog::info("plugin {}: tenant {} stays on version {}", pin.plugin_id, pin.tenant_id, pin.version);
  return impl_->reload(task);
}

Result<void> Registry::unpin(Task& task, std::string_view plugin_id, std::string_view tenant_id) {
  const Gate::Turn turn = impl_->gate.take(task);
  if (snapshot()->find(plugin_id) == nullptr) return no_plugin(plugin_id);
  TOMADA_TRY(impl_->around->plugins.unpin(task, plugin_id, tenant_id));
  spdlog::info("plugin {}: tenant {} is not pinned any more", plugin_id, tenant_id);
  return impl_->reload(task);
}

Result<void> Registry::quarantine(Task& task, store::PluginQuarantine quarantine) {
  const Gate::Turn turn = impl_->gate.take(task);
  if (snapshot()->find(quarantine.plugin_id) == nullptr) return no_plugin(quarantine.plugin_id);
  spdlog::error("plugin {} {} is in quarantine: {}", quarantine.plugin_id, quarantine.version, quarantine.reason);
  impl_->facts.held_back[quarantine.plugin_id] = quarantine;
  impl_->publish();
  TOMADA_TRY(impl_->around->plugins.quarantine(task, quarantine));
  impl_->facts.held_back.erase(quarantine.plugin_id);
  return impl_->reload(task);
}

Result<void> Registry::release(Task& task, std::string_view plugin_id) {
  const Gate::Turn turn = impl_->gate.take(task);
  const std::string id(plugin_id);
  auto released = impl_->around->plugins.release(task, id);
  if (released.has_error() && (released.error().code != Errc::not_found || !impl_->facts.held_back.contains(id))) return released;
  impl_->facts.held_back.erase(id);
  spdlog::info("plugin {} is released from quarantine", id);
  TOMADA_TRY(impl_->reload(task));
  if (impl_->around->released) impl_->around->released(id);
  return {};
}

}  // namespace tomada::plugin
