// The instances of one loop and the worker processes they run in.
#pragma once

#include "host/abi/plugin.hpp"
#include "host/abi/turns.hpp"
#include "host/cage/descriptor.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/metrics.hpp"
#include "host/store/integrations.hpp"
#include "host/worker/link.hpp"

#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>

namespace tomada::plugin {

/// How worker processes are made.
struct WorkerOptions {
  std::filesystem::path program;  // tomada-worker
  bool per_tenant{false};         // else all tenants of a plugin share one on each loop
  std::uint64_t memory_bytes_max{512ull * 1024 * 1024};
  std::uint64_t threads_max{64};
  std::chrono::milliseconds idle{60'000};  // an instance that is not called for so long goes, and with the last one its worker
  worker::Patience patience{};
};

worker::Spec worker_spec(const WorkerOptions& options, const Release& release,
                         std::shared_ptr<const cage::Descriptor> plugin);

/// The code of one version where it is to run: here, or as sealed bytes for a worker.
using Code = std::variant<std::shared_ptr<abi::LoadedPlugin>, std::shared_ptr<const cage::Descriptor>>;

struct Kept {
  std::string config_id;
  std::int64_t version{};  // of the integration
  std::shared_ptr<const Release> release;
  std::unique_ptr<abi::Instance> instance;
  runtime::SteadyTime used_at{};
};

/// One loop's thread. Every Kept is shared by the shelf and the calls that use it: a replaced one goes with the last of them.
class Shelf {
 public:
  using Crashed = std::function<void(const Release& release, const std::shared_ptr<const abi::Crash>& crash)>;

  Shelf(runtime::Loop& loop, runtime::Metrics& metrics, const WorkerOptions& options, Crashed crashed)
      : loop_(loop), metrics_(metrics), options_(options), crashed_(std::move(crashed)),
        sweeper_([this] { sweep(); }) {}

  /// The instance for this version of plugin and integration; made when there is none, in the worker that there is.
  Result<std::shared_ptr<Kept>> take(const std::shared_ptr<const Release>& release, const Code& code,
                                     const store::Integration& integration);
  /// A new one in a new worker, for one call.
  Result<std::shared_ptr<Kept>> take_alone(const std::shared_ptr<const Release>& release, const Code& code,
                                           const store::Integration& integration);
  /// Calls that run alone do so one after the other.
  abi::Turns& alone(const std::string& plugin_id) { return alone_.try_emplace(plugin_id, true).first->second; }

 private:
  using ByUse = std::list<std::shared_ptr<Kept>>;

  Result<std::unique_ptr<abi::Instance>> make(const Release& release, const Code& code,
                                              const store::Integration& integration, bool alone);
  Result<std::shared_ptr<worker::Link>> link_for(const Release& release,
                                                 const std::shared_ptr<const cage::Descriptor>& plugin,
                                                 const std::string& tenant_id, bool alone);
  void drop(std::unordered_map<std::string, ByUse::iterator>::iterator at);
  void make_room();
  void sweep();

  runtime::Loop& loop_;
  runtime::Metrics& metrics_;
  const WorkerOptions& options_;
  Crashed crashed_;
  runtime::Timer sweeper_;
  ByUse by_use_;  // most recent first
  std::unordered_map<std::string, ByUse::iterator> by_id_;
  std::map<std::string, std::weak_ptr<worker::Link>> links_;  // their instances keep them
  std::map<std::string, abi::Turns> alone_;                   // by plugin
};

}  // namespace tomada::plugin
