#include "host/worker/link.hpp"

#include "host/abi/call.hpp"
#include "host/abi/in_process_instance.hpp"
#include "host/base/assert.hpp"
#include "host/base/secret.hpp"
#include "host/base/this_program.hpp"
#include "host/cage/process.hpp"
#include "host/runtime/task.hpp"
#include "host/worker/arguments.hpp"
#include "host/worker/asked.hpp"
#include "host/worker/channel.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tomada::worker {
namespace {

using runtime::Interruptible;
using runtime::Task;
using runtime::Wait;
using std::chrono::milliseconds;

constexpr milliseconds k_sample_busy{250};
constexpr milliseconds k_sample_idle{5'000};

/// An error that the worker tells: its texts are the plugin's.
Error told(Reader& reader) {
  Error error = reader.error();
  error.message = abi::clean_text(error.message, abi::k_detail_bytes_max);
  error.provider_code = abi::clean_text(error.provider_code, abi::k_detail_bytes_max);
  return error;
}

Error nonsense(std::string_view what) { return fail(Errc::invalid_data, "sent " + std::string(what)); }

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes / (1024 * 1024)) + " MiB"; }

}  // namespace

struct Link::Impl final : Channel::Receiver {
  /// A call or a create() under way; on its task's stack.
  struct Pending {
    explicit Pending(Asked* services) : asked(services) {}
    Asked* asked;  // null: a create(), which may ask nothing
    Wait* waiting{nullptr};
    std::string question;
    bool has_question{false};  // also while it is being answered
    std::optional<Outcome> outcome;

    void wake() {
      if (waiting != nullptr) waiting->wake();
    }
  };

  Impl(runtime::Loop& on, Spec what, runtime::Metrics& counters, std::function<void(const std::shared_ptr<const abi::Crash>&)> at_crash,
       std::unique_ptr<cage::Process> child)
      : loop(on), spec(std::move(what)), metrics(counters), crashed(std::move(at_crash)), process(std::move(child)),
        channel(on, process->take_socket().release(), *this), sampler([this] { sample(); }),
        ready_limit([this] { give_up("was not ready within " + in_seconds(spec.patience.ready)); }) {}

  static std::string in_seconds(milliseconds time) { return std::to_string(time.count() / 1000) + " s"; }

  void begin();
  Outcome exchange(Task& task, Kind kind, std::uint64_t id, std::string_view body, Asked* asked);
  Result<void> received(Kind kind, std::uint64_t id, std::string_view body) override;
  Result<void> received_ready(Reader& reader);
  Result<void> received_end(Pending& call, Reader& reader, bool is_call);
  void closed(const Error& why) override;
  void ended(const cage::ProcessEnd& end);
  void give_up(std::string why);
  void sample();
  void watch(const cage::Usage& usage);
  void count(const cage::Usage& usage);
  [[nodiscard]] bool works() const;

  runtime::Loop& loop;
  const Spec spec;
  runtime::Metrics& metrics;
  std::function<void(const std::shared_ptr<const abi::Crash>&)> crashed;
  std::unique_ptr<cage::Process> process;
  Channel channel;
  runtime::Timer sampler;
  runtime::Timer ready_limit;

  std::optional<Result<void>> readiness;
  std::vector<Wait*> ready_waiters;
  bool handles_webhooks{false};
  std::string protections;

  std::unordered_map<std::uint64_t, Pending*> pending;  // by call, or by instance (create)
  std::uint64_t last_id{0};
  std::string last_service;
  bool retired{false};
  std::optional<std::string> verdict;  // why the host ended it
  std::shared_ptr<const abi::Crash> crash;  // shared with those who ask later

  bool heard{true};  // a message came since the last sample
  bool demoted{false};
  runtime::SteadyTime silent_since{};
  std::chrono::microseconds cpu_when_heard{};
  std::chrono::microseconds cpu_counted{};
  std::uint64_t rss_counted{};
};

void Link::Impl::begin() {
  process->on_end([this](const cage::ProcessEnd& end) { ended(end); });
  channel.start();
  ready_limit.start(loop, loop.clock().steady() + spec.patience.ready);
  sampler.start(loop, loop.clock().steady() + k_sample_busy);
  metrics.worker_started(spec.start.plugin_id);
}

/// Sends, and serves what comes back until the end. The frames of the plugin are in the worker: it is told to come to an
/// end and gets a little time for that; after it the process is ended.
Link::Outcome Link::Impl::exchange(Task& task, Kind kind, std::uint64_t id, std::string_view body, Asked* asked) {
  if (crash) return {fail(Errc::unavailable, "the plugin's process " + crash->cause), true};
  Pending call(asked);
  pending.emplace(id, &call);
  channel.send(kind, id, body);
  runtime::Timer grace([this] { give_up("did not end its call within " + in_seconds(spec.patience.grace) + " of being told to"); });
  bool is_told = false;
  while (!call.outcome) {
    if (!call.has_question) {
      Wait wait(task);
      call.waiting = &wait;
      const auto waited = wait.wait(is_told ? Interruptible::no : Interruptible::yes);
      call.waiting = nullptr;
      if (waited.has_error()) {
        is_told = true;
        std::string reason;
        Writer(reason).put(task.interruption().value_or(Errc::cancelled));
        if (asked != nullptr) channel.send(Kind::cancel, id, reason);
        grace.start(loop, loop.clock().steady() + spec.patience.grace);
      }
      continue;
    }
    const auto answer = call.asked->answer(call.question);
    call.has_question = false;
    if (call.outcome) break;  // the process ended meanwhile
    if (answer.has_error())
      give_up("broke the protocol: " + answer.error().message);
    else
      channel.send(Kind::answer, id, *answer);
    // What waits longest in silence is the worker, not the host: time for an answer is not its own.
    heard = true;
  }
  grace.cancel();
  pending.erase(id);
  return *std::move(call.outcome);
}

Result<void> Link::Impl::received(Kind kind, std::uint64_t id, std::string_view body) {
  heard = true;
  Reader reader(body);
  if (kind == Kind::ready) return received_ready(reader);
  const auto found = pending.find(id);
  if (found == pending.end()) return nonsense("a word on a call that does not run");
  Pending& call = *found->second;
  if (call.has_question || call.outcome) return nonsense("a word while its question was answered");
  if (kind == Kind::created && call.asked == nullptr) return received_end(call, reader, false);
  if (call.asked == nullptr) return nonsense("a question from create()");
  switch (kind) {
    case Kind::ask:
      call.question.assign(body);
      call.has_question = true;
      call.wake();
      return {};
    case Kind::note: return call.asked->note(body);
    case Kind::ended: return received_end(call, reader, true);
    default: return nonsense("a message that is not for the host");
  }
}

Result<void> Link::Impl::received_ready(Reader& reader) {
  if (readiness) return nonsense("a second ready");
  if (reader.flag()) {
    handles_webhooks = reader.flag();
    protections = abi::clean_text(reader.text(), abi::k_detail_bytes_max);
    readiness.emplace();
  } else {
    readiness.emplace(told(reader));
    retired = true;
  }
  if (!reader.complete()) return nonsense("a torn ready");
  ready_limit.cancel();
  for (Wait* const waiting : std::exchange(ready_waiters, {})) waiting->wake();
  return {};
}

Result<void> Link::Impl::received_end(Pending& call, Reader& reader, bool is_call) {
  Outcome outcome{Result<void>(), false};
  if (!reader.flag()) outcome.result = told(reader);
  if (is_call) outcome.is_broken = reader.flag();
  if (!reader.complete()) return nonsense("a torn end of a call");
  call.outcome = std::move(outcome);
  call.wake();
  return {};
}

void Link::Impl::closed(const Error& why) {
  // The kernel closes the socket of a process that died, just before its end is known; anything else is its own doing.
  give_up(why.code == Errc::invalid_data ? "broke the protocol: " + why.message : "closed its socket");
}

/// Its end comes by the process, once; until then nothing new begins.
void Link::Impl::give_up(std::string why) {
  if (verdict || crash) return;
  verdict = std::move(why);
  retired = true;
  process->kill();
}

void Link::Impl::ended(const cage::ProcessEnd& end) {
  retired = true;
  for (const auto& [id, call] : pending)
    if (call->asked != nullptr && !call->asked->last_service().empty()) last_service = call->asked->last_service();
  constexpr int k_ours = 9;
  const bool was_ours = verdict && end.signal == k_ours;
  crash = std::make_shared<const abi::Crash>(abi::Crash{.cause = was_ours ? *verdict : end.text(),
                                                        .signal = was_ours ? 0 : end.signal,
                                                        .last_service = last_service,
                                                        .last_words = end.last_words,
                                                        .calls_count = pending.size() + ready_waiters.size(),
                                                        .version = spec.version});
  channel.close();
  sampler.cancel();
  ready_limit.cancel();
  count({.cpu = end.cpu, .rss_bytes = 0, .threads_count = 0});
  metrics.worker_ended(spec.start.plugin_id, was_ours ? "ended by the host" : end.text());
  spdlog::error("plugin {}: worker {} {} ({} calls in flight{}{}){}{}", spec.start.plugin_id, process->pid(), crash->cause,
                crash->calls_count, last_service.empty() ? "" : ", last service call ", last_service,
                end.last_words.empty() ? "" : ": ", end.last_words);
  Error gone = fail(Errc::unavailable, "the plugin's process " + crash->cause);
  gone.provider_code = k_crashed;
  if (!readiness) readiness.emplace(gone);
  for (Wait* const waiting : std::exchange(ready_waiters, {})) waiting->wake();
  for (const auto& [id, call] : pending) {
    if (call->outcome) continue;
    call->outcome = Outcome{gone, true};
    call->wake();
  }
  if (crashed) crashed(crash);
}

/// Some call or create() is in the worker's hands.
bool Link::Impl::works() const {
  return !readiness ||
         std::any_of(pending.begin(), pending.end(), [](const auto& entry) { return !entry.second->has_question; });
}

void Link::Impl::sample() {
  if (crash) return;
  if (const auto usage = process->usage(); usage.has_value()) {
    count(*usage);
    watch(*usage);
  }
  sampler.start(loop, loop.clock().steady() + (works() ? k_sample_busy : k_sample_idle));
}

void Link::Impl::watch(const cage::Usage& usage) {
  const runtime::SteadyTime now = loop.clock().steady();
  if (spec.start.memory_bytes_max != 0 && usage.rss_bytes > spec.start.memory_bytes_max)
    return give_up("used " + mebibytes(usage.rss_bytes) + " of memory; it may have " + mebibytes(spec.start.memory_bytes_max));
  if (spec.start.threads_max != 0 && usage.threads_count > spec.start.threads_max)
    return give_up("had " + std::to_string(usage.threads_count) + " threads; it may have " +
                   std::to_string(spec.start.threads_max));
  if (std::exchange(heard, false) || !works()) {
    cpu_when_heard = usage.cpu;
    silent_since = now;
    return;
  }
  if (usage.cpu - cpu_when_heard <= spec.patience.busy_cpu) return;
  if (!std::exchange(demoted, true)) {
    retired = true;
    silent_since = now;
    (void)process->demote();
    spdlog::warn("plugin {}: worker {} used {} ms of CPU without asking the host for anything; it yields to all others now, "
                 "and new calls go to another",
                 spec.start.plugin_id, process->pid(),
                 std::chrono::duration_cast<milliseconds>(usage.cpu - cpu_when_heard).count());
  } else if (now - silent_since > spec.patience.silence) {
    give_up("asked the host for nothing for " + in_seconds(spec.patience.silence) + " while it ran");
  }
}

void Link::Impl::count(const cage::Usage& usage) {
  metrics.worker_usage(spec.start.plugin_id, std::max(usage.cpu - cpu_counted, std::chrono::microseconds(0)),
                       static_cast<std::int64_t>(usage.rss_bytes) - static_cast<std::int64_t>(rss_counted));
  cpu_counted = std::max(cpu_counted, usage.cpu);
  rss_counted = usage.rss_bytes;
}

Result<std::shared_ptr<Link>> Link::start(runtime::Loop& loop, Spec spec, runtime::Metrics& metrics,
                                          std::function<void(const std::shared_ptr<const abi::Crash>&)> crashed) {
  TOMADA_TRY_ASSIGN(auto process, cage::Process::start(loop, {.program = spec.program,
                                                              .arguments = arguments_of(spec.start),
                                                              .plugin = spec.plugin->number()}));
  auto impl = std::make_unique<Impl>(loop, std::move(spec), metrics, std::move(crashed), std::move(process));
  impl->begin();
  return std::shared_ptr<Link>(new Link(std::move(impl)));
}

Link::Link(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Link::~Link() {
  TOMADA_ASSERT(impl_->pending.empty() && impl_->ready_waiters.empty());
  if (impl_->crash) return;
  impl_->count({.cpu = impl_->cpu_counted, .rss_bytes = 0, .threads_count = 0});
  impl_->metrics.worker_ended(impl_->spec.start.plugin_id, "");
}

Result<void> Link::ready(Task& task) {
  while (!impl_->readiness) {
    Wait wait(task);
    impl_->ready_waiters.push_back(&wait);
    const auto waited = wait.wait();
    std::erase(impl_->ready_waiters, &wait);
    if (waited.has_error() && !impl_->readiness) return waited.error();
  }
  return *impl_->readiness;
}

std::uint64_t Link::new_instance() { return ++impl_->last_id; }

Result<void> Link::create(Task& task, std::uint64_t instance, std::string_view integration_id,
                          std::string_view config_json) {
  std::string body;
  Writer(body).put(integration_id).put(config_json);
  return impl_->exchange(task, Kind::create, instance, body, nullptr).result;
}

void Link::destroy(std::uint64_t instance) { impl_->channel.send(Kind::destroy, instance, {}); }

Link::Outcome Link::call(Task& task, abi::Services& services, std::uint64_t instance, Function function,
                         std::string_view arguments) {
  const runtime::Deadline deadline = task.deadline();
  const milliseconds left = deadline.remaining(task.clock());
  std::string body;
  Writer writer(body);
  writer.put(instance).put(function).put(left == milliseconds::max() ? std::int64_t{-1} : static_cast<std::int64_t>(left.count()));
  put_credentials(writer, services);
  body += arguments;
  Asked asked(services);
  auto outcome = impl_->exchange(task, Kind::call, ++impl_->last_id, body, &asked);
  wipe(body.data(), body.size());
  return outcome;
}

bool Link::usable() const { return !impl_->retired && !impl_->crash; }
void Link::retire() { impl_->retired = true; }
bool Link::handles_webhooks() const { return impl_->handles_webhooks; }
const std::string& Link::protections() const { return impl_->protections; }
std::shared_ptr<const abi::Crash> Link::crash() const { return impl_->crash; }
std::size_t Link::calls_count() const { return impl_->pending.size(); }
int Link::pid() const { return impl_->process->pid(); }

Start start_of(const abi::Manifest& manifest, std::uint64_t memory_bytes_max, std::uint64_t threads_max) {
  const bool own_threads = manifest.call_model == abi::CallModel::thread;
  return {.plugin_id = manifest.id,
          .own_threads = own_threads,
          .serial = manifest.concurrency == abi::Concurrency::serial,
          .stack_bytes = abi::stack_bytes_of(manifest),
          .memory_bytes_max = memory_bytes_max,
          .threads_max = own_threads ? threads_max : 0,
          .entities = abi::entity_names(manifest)};
}

std::filesystem::path program_beside_this_one() { return this_program().parent_path() / "tomada-worker"; }

}  // namespace tomada::worker
