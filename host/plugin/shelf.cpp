#include "host/plugin/shelf.hpp"

#include "host/abi/in_process_instance.hpp"
#include "host/worker/remote_instance.hpp"

#include <algorithm>
#include <utility>

namespace tomada::plugin {
namespace {

/// Instances that one loop keeps; beyond it the one that was used longest ago goes, if it is idle.
constexpr std::size_t k_instances_max = 10'000;
constexpr std::chrono::milliseconds k_sweep_interval_max{5'000};

}  // namespace

worker::Spec worker_spec(const WorkerOptions& options, const Release& release,
                         std::shared_ptr<const cage::Descriptor> plugin) {
  return {.program = options.program,
          .start = worker::start_of(*release.manifest, options.memory_bytes_max, options.threads_max),
          .version = release.version,
          .plugin = std::move(plugin),
          .patience = options.patience};
}

Result<std::shared_ptr<Kept>> Shelf::take(const std::shared_ptr<const Release>& release, const Code& code,
                                          const store::Integration& integration) {
  const auto found = by_id_.find(integration.config_id);
  if (found != by_id_.end()) {
    Kept& kept = **found->second;
    // A caller that read an older row than the one this instance was made for gets the newer instance.
    if (kept.version >= integration.version && kept.release->sha256 == release->sha256 && !kept.instance->broken()) {
      kept.used_at = loop_.clock().steady();
      by_use_.splice(by_use_.begin(), by_use_, found->second);
      return *found->second;
    }
    drop(found);
  }
  TOMADA_TRY_ASSIGN(auto instance, make(*release, code, integration, false));
  make_room();
  // See the class: shared with the calls.
  auto kept = std::make_shared<Kept>(
      Kept{integration.config_id, integration.version, release, std::move(instance), loop_.clock().steady()});
  by_use_.push_front(kept);
  by_id_[kept->config_id] = by_use_.begin();
  if (!sweeper_.running()) sweeper_.start(loop_, loop_.clock().steady() + std::min(options_.idle, k_sweep_interval_max));
  return kept;
}

Result<std::shared_ptr<Kept>> Shelf::take_alone(const std::shared_ptr<const Release>& release, const Code& code,
                                                const store::Integration& integration) {
  TOMADA_TRY_ASSIGN(auto instance, make(*release, code, integration, true));
  return std::make_shared<Kept>(Kept{integration.config_id, integration.version, release, std::move(instance), {}});
}

Result<std::unique_ptr<abi::Instance>> Shelf::make(const Release& release, const Code& code,
                                                   const store::Integration& integration, bool alone) {
  if (const auto* const loaded = std::get_if<std::shared_ptr<abi::LoadedPlugin>>(&code)) {
    TOMADA_TRY_ASSIGN(auto instance, abi::InProcessInstance::create(*loaded, loop_, integration.config_id,
                                                                    integration.config_json));
    return std::unique_ptr<abi::Instance>(std::move(instance));
  }
  TOMADA_TRY_ASSIGN(auto link, link_for(release, std::get<1>(code), integration.tenant_id, alone));
  const bool serial = release.manifest->concurrency == abi::Concurrency::serial;
  return std::unique_ptr<abi::Instance>(std::make_unique<worker::RemoteInstance>(
      std::move(link), serial, integration.config_id, integration.config_json));
}

Result<std::shared_ptr<worker::Link>> Shelf::link_for(const Release& release,
                                                      const std::shared_ptr<const cage::Descriptor>& plugin,
                                                      const std::string& tenant_id, bool alone) {
  const std::string key = release.sha256 + (options_.per_tenant ? "/" + tenant_id : "");
  if (!alone)
    if (auto known = links_[key].lock(); known && known->usable()) return known;
  TOMADA_TRY_ASSIGN(auto link, worker::Link::start(loop_, worker_spec(options_, release, plugin), metrics_,
                                                   [this, release](const auto& crash) { crashed_(release, crash); }));
  if (!alone) links_[key] = link;
  return link;
}

void Shelf::drop(std::unordered_map<std::string, ByUse::iterator>::iterator at) {
  by_use_.erase(at->second);
  by_id_.erase(at);
}

void Shelf::make_room() {
  if (by_use_.size() < k_instances_max) return;
  for (auto at = by_use_.rbegin(); at != by_use_.rend(); ++at)
    if (at->use_count() == 1) return drop(by_id_.find((*at)->config_id));
}

/// Instances in workers only: one in this process costs little, and its code stays for good.
void Shelf::sweep() {
  const runtime::SteadyTime now = loop_.clock().steady();
  for (auto at = by_use_.begin(); at != by_use_.end();) {
    const auto next = std::next(at);
    const bool is_idle = at->use_count() == 1 && now - (*at)->used_at > options_.idle;
    if (is_idle && (*at)->instance->is_remote()) drop(by_id_.find((*at)->config_id));
    at = next;
  }
  std::erase_if(links_, [](const auto& entry) { return entry.second.expired(); });
  if (!by_use_.empty()) sweeper_.start(loop_, now + std::min(options_.idle, k_sweep_interval_max));
}

}  // namespace tomada::plugin
