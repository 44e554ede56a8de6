#include "host/plugin/calls.hpp"

#include "host/abi/in_process_instance.hpp"
#include "host/base/assert.hpp"

#include <list>
#include <new>
#include <unordered_map>
#include <utility>

namespace tomada::plugin {
namespace {

using runtime::Interruptible;
using runtime::Loop;
using runtime::Task;
using runtime::Wait;

/// Instances that one loop keeps; beyond it the one that was used longest ago goes, if it is idle.
constexpr std::size_t k_instances_max = 10'000;

/// FNV-1a: the same loop for an integration in every process, whatever the standard library's hash is.
std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

struct Kept {
  std::string config_id;
  std::int64_t version{};
  std::unique_ptr<abi::Instance> instance;
};

/// The instances of one loop; only its thread looks inside.
class Shelf {
 public:
  /// Shared by the shelf and the calls that use the instance: a replaced one goes with the last of them.
  Result<std::shared_ptr<Kept>> take(const std::shared_ptr<abi::LoadedPlugin>& plugin, Loop& loop,
                                     const store::Integration& integration) {
    const auto found = by_id_.find(integration.config_id);
    if (found != by_id_.end()) {
      Kept& kept = **found->second;
      // A caller that read an older row than the one this instance was made for gets the newer instance.
      if (kept.version >= integration.version && !kept.instance->broken()) {
        by_use_.splice(by_use_.begin(), by_use_, found->second);
        return *found->second;
      }
      drop(found);
    }
    auto instance = abi::InProcessInstance::create(plugin, loop, integration.config_id, integration.config_json);
    if (instance.has_error()) return std::move(instance).error();
    make_room();
    auto kept = std::make_shared<Kept>(Kept{integration.config_id, integration.version, std::move(*instance)});
    by_use_.push_front(kept);
    by_id_[kept->config_id] = by_use_.begin();
    return kept;
  }

 private:
  using ByUse = std::list<std::shared_ptr<Kept>>;

  void drop(std::unordered_map<std::string, ByUse::iterator>::iterator at) {
    by_use_.erase(at->second);
    by_id_.erase(at);
  }
  void make_room() {
    if (by_use_.size() < k_instances_max) return;
    for (auto at = by_use_.rbegin(); at != by_use_.rend(); ++at)
      if (at->use_count() == 1) return drop(by_id_.find((*at)->config_id));
  }

  ByUse by_use_;  // most recent first
  std::unordered_map<std::string, ByUse::iterator> by_id_;
};

/// One call on its way: lives on the caller's stack, which waits until nothing refers to it any more.
class Passage {
 public:
  Passage(Task& caller, Shelf& shelf, Loop& loop, std::shared_ptr<abi::LoadedPlugin> plugin,
          const store::Integration& integration, const Calls::Call& call)
      : caller_(caller), home_(caller.loop()), shelf_(shelf), loop_(loop), plugin_(std::move(plugin)),
        integration_(integration), call_(call), wait_(caller) {}

  Result<void> run() {
    const std::size_t stack_bytes = abi::stack_bytes_of(plugin_->manifest());
    loop_.post([this, stack_bytes, deadline = caller_.deadline()] { start(deadline, stack_bytes); });
    if (wait_.wait(Interruptible::yes).has_error()) interrupt();
    // The call's frames refer to the caller's: it always comes to its own end first.
    (void)wait_.wait(Interruptible::no);
    return std::move(result_);
  }

 private:
  // On the call's loop.
  void start(runtime::Deadline deadline, std::size_t stack_bytes) {
    try {
      runtime::spawn("plugin.call", loop_, deadline, [this](Task& task) { work(task); }, stack_bytes);
    } catch (const std::bad_alloc&) {
      result_ = fail(Errc::unavailable, "no memory for the stack of another call");
      report();
    }
  }
  void work(Task& task) {
    callee_ = &task;
    if (early_) task.interrupt(*early_);
    try {
      result_ = use_instance(task);
    } catch (const std::exception& error) {
      result_ = fail(Errc::internal, std::string("a plugin call ended with an exception: ") + error.what());
    }
    callee_ = nullptr;
    report();
  }
  Result<void> use_instance(Task& task) {
    TOMADA_TRY(task.check());
    TOMADA_TRY_ASSIGN(const std::shared_ptr<Kept> kept, shelf_.take(plugin_, loop_, integration_));
    TOMADA_TRY(kept->instance->ready(task));
    return call_(task, *kept->instance);
  }
  void pass_on(Errc reason) {
    early_ = reason;
    if (callee_ != nullptr) callee_->interrupt(reason);
    report();
  }
  /// The last touch of a piece of work on the call's loop.
  void report() {
    home_.post([this] {
      if (--pending_count_ == 0) wait_.wake();
    });
  }

  // On the caller's loop.
  void interrupt() {
    const Errc reason = caller_.interruption().value_or(Errc::cancelled);
    ++pending_count_;  // wake() has not happened yet, so the call's own report is still to come or to be counted
    loop_.post([this, reason] { pass_on(reason); });
  }

  Task& caller_;
  Loop& home_;
  Shelf& shelf_;
  Loop& loop_;
  std::shared_ptr<abi::LoadedPlugin> plugin_;  // shared with the registry and the instances
  const store::Integration& integration_;
  const Calls::Call& call_;
  Wait wait_;
  std::size_t pending_count_{1};  // caller's loop: reports that are still to come
  Task* callee_{nullptr};         // the call's loop
  std::optional<Errc> early_;     // the call's loop: the interruption came before the task
  Result<void> result_;
};

}  // namespace

struct Calls::Impl {
  struct alignas(64) OneShelf {
    Shelf shelf;
  };
  Impl(runtime::Loops& all, Registry& known) : loops(all), registry(known), shelves(all.count()) {}
  runtime::Loops& loops;
  Registry& registry;
  std::vector<OneShelf> shelves;  // by loop index
};

Calls::Calls(runtime::Loops& loops, Registry& registry) : impl_(std::make_unique<Impl>(loops, registry)) {}
Calls::~Calls() = default;

Loop& Calls::loop_of(std::string_view config_id) { return impl_->loops.at(stable_hash(config_id) % impl_->loops.count()); }

Result<void> Calls::run(Task& task, const store::Integration& integration, const Call& call) {
  TOMADA_TRY(task.check());
  TOMADA_TRY_ASSIGN(auto plugin, impl_->registry.load(integration.provider_name));
  Loop& loop = loop_of(integration.config_id);
  Shelf& shelf = impl_->shelves[loop.index()].shelf;
  return Passage(task, shelf, loop, std::move(plugin), integration, call).run();
}

}  // namespace tomada::plugin
