#include "host/plugin/calls.hpp"

#include "host/abi/in_process_instance.hpp"
#include "host/plugin/blame.hpp"
#include "host/plugin/in_process_loader.hpp"
#include "host/plugin/sealed_files.hpp"

#include <new>
#include <optional>
#include <utility>

namespace tomada::plugin {
namespace {

using runtime::Interruptible;
using runtime::Loop;
using runtime::Task;
using runtime::Wait;

/// FNV-1a: the same loop for an integration in every process, whatever the standard library's hash is.
std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

/// The call was in a worker when that ended.
bool is_crash(const Result<void>& result) {
  return result.has_error() && result.error().provider_code == worker::k_crashed;
}

/// One call on its way: lives on the caller's stack, which waits until nothing refers to it any more.
class Passage {
 public:
  Passage(Task& caller, Shelf& shelf, Loop& loop, std::shared_ptr<const Release> release, Code code, bool alone,
          const store::Integration& integration, const Calls::Call& call)
      : caller_(caller), home_(caller.loop()), shelf_(shelf), loop_(loop), release_(std::move(release)),
        code_(std::move(code)), alone_(alone), integration_(integration), call_(call), wait_(caller) {}

  /// The crash that ended the call, or null.
  [[nodiscard]] const std::shared_ptr<const abi::Crash>& crash() const { return crash_; }

  Result<void> run() {
    const bool is_here = std::holds_alternative<std::shared_ptr<abi::LoadedPlugin>>(code_);
    const std::size_t stack_bytes = is_here ? abi::stack_bytes_of(*release_->manifest) : runtime::k_stack_bytes_default;
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
    std::optional<abi::Turns::Turn> turn;
    if (alone_) {
      TOMADA_TRY_ASSIGN(abi::Turns::Turn mine, shelf_.alone(release_->plugin_id).take(task));
      turn.emplace(std::move(mine));
    }
    TOMADA_TRY_ASSIGN(const std::shared_ptr<Kept> kept, alone_ ? shelf_.take_alone(release_, code_, integration_)
                                                               : shelf_.take(release_, code_, integration_));
    auto result = kept->instance->ready(task);
    if (result.has_value()) result = call_(task, *kept->instance);
    if (is_crash(result)) crash_ = kept->instance->crash();
    return result;
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
  std::shared_ptr<const Release> release_;  // shared with the registry and the instances
  Code code_;
  const bool alone_;
  const store::Integration& integration_;
  const Calls::Call& call_;
  Wait wait_;
  std::size_t pending_count_{1};  // caller's loop: reports that are still to come
  Task* callee_{nullptr};         // the call's loop
  std::optional<Errc> early_;     // the call's loop: the interruption came before the task
  Result<void> result_;
  std::shared_ptr<const abi::Crash> crash_;  // with the others that it ended
};

}  // namespace

struct Calls::Impl {
  Impl(runtime::Loops& all, Registry& known, runtime::Metrics& metrics, CallsOptions chosen)
      : loops(all), registry(known), options(std::move(chosen)), blame(loops.at(0).clock()) {
    for (std::size_t i = 0; i < loops.count(); ++i)
      shelves.push_back(std::make_unique<Shelf>(
          loops.at(i), metrics, options.workers, [this](const Release& release, const std::shared_ptr<const abi::Crash>& crash) {
            if (crash->calls_count == 0) judge(blame.crashed_idle(release.plugin_id, crash), release.plugin_id);
          }));
  }

  Result<Code> code_of(Task& task, const Release& release) {
    if (options.where.runs_here(release.plugin_id)) {
      TOMADA_TRY_ASSIGN(auto loaded, loader.load(release));
      return Code(std::move(loaded));
    }
    TOMADA_TRY_ASSIGN(auto sealed, sealed_files.of(task, release));
    return Code(std::move(sealed));
  }
  Result<void> blame_for(Task& task, const store::Integration& integration,
                         const std::shared_ptr<const abi::Crash>& crash, const std::string& job, Result<void> result) {
    const auto verdict = blame.crashed(integration.provider_name, crash, job, integration.config_id);
    judge(verdict, integration.provider_name);
    if (!verdict.gives_up_job) return result;
    const std::string reason = "the plugin's process crashed twice while it did this alone; the last time it " + crash->cause;
    if (options.pause) options.pause(task, integration, reason);
    return fail(Errc::permanent, reason);
  }
  void judge(const Blame::Verdict& verdict, const std::string& plugin_id) {
    if (!verdict.quarantines || !options.quarantine) return;
    blame.forget(plugin_id);
    const abi::Crash& last = *verdict.quarantines;
    options.quarantine({.plugin_id = plugin_id,
                        .version = last.version,
                        .reason = "its process crashed " + std::to_string(k_crashes_max) + " times in " +
                                  std::to_string(k_crash_window.count()) +
                                  " minutes, and no single integration explains it; the last time it " + last.cause,
                        .signal = last.signal,
                        .last_service = last.last_service,
                        .since_ms = loops.at(0).clock().unix_ms()});
  }

  runtime::Loops& loops;
  Registry& registry;
  const CallsOptions options;
  Blame blame;
  InProcessLoader loader;
  SealedFiles sealed_files;
  std::vector<std::unique_ptr<Shelf>> shelves;  // by loop index
};

Calls::Calls(runtime::Loops& loops, Registry& registry, runtime::Metrics& metrics, CallsOptions options)
    : impl_(std::make_unique<Impl>(loops, registry, metrics, std::move(options))) {}
Calls::~Calls() = default;

Loop& Calls::loop_of(std::string_view config_id) { return impl_->loops.at(stable_hash(config_id) % impl_->loops.count()); }

void Calls::forget_crashes(const std::string& plugin_id) { impl_->blame.forget(plugin_id); }

Result<void> Calls::run(Task& task, const store::Integration& integration, const Call& call, const std::string& job,
                        std::shared_ptr<const Release> release) {
  TOMADA_TRY(task.check());
  if (release) {
    TOMADA_TRY(impl_->registry.may_run(*release, integration.tenant_id));
  } else {
    TOMADA_TRY_ASSIGN(release, impl_->registry.choose(integration.provider_name, integration.tenant_id));
  }
  TOMADA_TRY_ASSIGN(Code code, impl_->code_of(task, *release));
  Loop& loop = loop_of(integration.config_id);
  const bool alone = suspects(job);
  Passage passage(task, *impl_->shelves[loop.index()], loop, release, std::move(code), alone, integration, call);
  auto result = passage.run();
  if (passage.crash()) return impl_->blame_for(task, integration, passage.crash(), job, std::move(result));
  if (alone) impl_->judge(impl_->blame.acquit(release->plugin_id, job), release->plugin_id);
  return result;
}

bool Calls::suspects(const std::string& job) const { return impl_->blame.suspects(job); }

Result<void> Calls::after_crash(Task& task, const store::Integration& integration, const abi::Instance& instance,
                                const std::string& job, Result<void> result) {
  if (!is_crash(result) || !instance.crash()) return result;
  return impl_->blame_for(task, integration, instance.crash(), job, std::move(result));
}

}  // namespace tomada::plugin
