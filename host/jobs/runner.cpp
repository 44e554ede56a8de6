#include "host/jobs/runner.hpp"

#include "host/base/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <list>

namespace tomada::jobs {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds k_backoff_first{1'000};
constexpr milliseconds k_backoff_max{300'000};
constexpr milliseconds k_store_pause{1'000};  // after the store refused
constexpr int k_finish_attempts_max = 5;

}  // namespace

milliseconds backoff(std::int64_t attempts, std::optional<milliseconds> retry_after, std::mt19937_64& random) {
  const auto doublings = std::clamp<std::int64_t>(attempts - 1, 0, 16);
  const milliseconds whole = std::min(k_backoff_max, k_backoff_first * (std::int64_t{1} << doublings));
  std::uniform_int_distribution<std::int64_t> spread(whole.count() / 2, whole.count());
  const milliseconds own(spread(random));
  return retry_after ? std::max(own, *retry_after) : own;
}

struct Runner::Impl {
  struct Running {
    store::Job job;
    runtime::Task* task{nullptr};
    std::optional<runtime::Timer> renew;
  };

  Impl(runtime::Loop& loop_, store::Jobs& jobs_, Options options_)
      : loop(loop_), jobs(jobs_), options(options_),
        random(options_.seed != 0 ? options_.seed : std::random_device{}()) {}

  runtime::Loop& loop;
  store::Jobs& jobs;
  Options options;
  std::map<std::string, Handler> handlers;
  std::mt19937_64 random;

  // Loop thread only.
  std::list<Running> running;
  runtime::Wait* idle{nullptr};
  bool kicked{false};
  bool draining{false};

  void kick() {
    kicked = true;
    if (idle != nullptr) idle->wake();
  }

  void work(runtime::Task& task) {
    while (!draining && task.check().has_value()) {
      kicked = false;
      const std::size_t free_count = options.running_max - running.size();
      if (free_count > 0) {
        auto leased = jobs.lease(task, task.clock().unix_ms(), options.lease.count(), free_count);
        if (leased.has_error()) {
          spdlog::error("jobs: cannot take work: {}", leased.error().message);
          if (runtime::sleep_for(task, k_store_pause).has_error()) return;
          continue;
        }
        for (auto& job : *leased) start(std::move(job));
        if (leased->size() == free_count) continue;
      }
      if (!kicked && !draining) rest(task);
    }
  }

  /// Until a kick, the next due time, or the idle poll, whichever is first.
  void rest(runtime::Task& task) {
    milliseconds pause = options.idle_poll_max;
    auto next = jobs.next_due_ms(task);
    if (next.has_value() && *next)
      pause = std::clamp(milliseconds(**next - task.clock().unix_ms()), milliseconds(1), options.idle_poll_max);
    if (kicked || draining) return;
    runtime::Wait wait(task);
    runtime::Timer timer([&wait] { wait.wake(); });
    timer.start(loop, runtime::Deadline::after(task.clock(), pause).at());
    idle = &wait;
    (void)wait.wait();
    idle = nullptr;
  }

  void start(store::Job job) {
    auto& entry = running.emplace_back();
    entry.job = std::move(job);
    entry.renew.emplace([this, id = entry.job.job_id] { renew(id); });
    auto position = std::prev(running.end());
    runtime::spawn("job", loop, runtime::Deadline::never(), [this, position](runtime::Task& task) {
      position->task = &task;
      schedule_renewal(*position);
      const store::JobOutcome outcome = handle(task, position->job);
      position->renew->cancel();
      position->task = nullptr;
      finish(task, position->job, outcome);
      running.erase(position);
      kick();
    });
  }

  store::JobOutcome handle(runtime::Task& task, const store::Job& job) {
    const auto handler = handlers.find(job.kind);
    if (handler == handlers.end())
      return {.kind = store::JobOutcome::Kind::dead,
              .error_code = std::string(to_string(Errc::unsupported)),
              .error_message = "this host has no handler for jobs of kind \"" + job.kind + "\""};
    return handler->second(task, job);
  }

  void finish(runtime::Task& task, const store::Job& job, store::JobOutcome outcome) {
    outcome.now_ms = task.clock().unix_ms();
    for (int attempt = 1;; ++attempt) {
      const auto result = jobs.finish(task, job, outcome);
      if (result.has_value()) return;
      if (result.error().code == Errc::conflict) {
        spdlog::warn("jobs: {} {} ended after its lease was lost; another attempt has it", job.kind, job.job_id);
        return;
      }
      spdlog::error("jobs: cannot keep the end of {} {}: {}", job.kind, job.job_id, result.error().message);
      // The lease runs out and the job comes back: nothing is lost by giving up.
      if (attempt == k_finish_attempts_max || runtime::sleep_for(task, k_store_pause).has_error()) return;
    }
  }

  void schedule_renewal(Running& entry) {
    entry.renew->start(loop, runtime::Deadline::after(loop.clock(), options.lease / 3).at());
  }

  void renew(const std::string& job_id) {
    runtime::spawn("renew lease", loop, runtime::Deadline::never(), [this, job_id](runtime::Task& task) {
      const auto find = [this, &job_id] {
        return std::find_if(running.begin(), running.end(), [&](const Running& r) { return r.job.job_id == job_id; });
      };
      auto entry = find();
      if (entry == running.end()) return;
      const store::Job job = entry->job;
      const auto result = jobs.extend(task, job, task.clock().unix_ms() + options.lease.count());
      entry = find();  // it may have ended while the store worked
      if (entry == running.end() || entry->task == nullptr) return;
      if (result.has_error() && result.error().code == Errc::conflict)
        entry->task->interrupt(Errc::cancelled);
      else
        schedule_renewal(*entry);
    });
  }
};

Runner::Runner(runtime::Loop& loop, store::Jobs& jobs, Options options)
    : impl_(std::make_unique<Impl>(loop, jobs, options)) {
  TOMADA_ASSERT(options.running_max > 0);
}

Runner::~Runner() = default;

void Runner::handle(std::string kind, Handler handler) {
  impl_->handlers.insert_or_assign(std::move(kind), std::move(handler));
}

void Runner::start() {
  impl_->loop.post([impl = impl_.get()] {
    runtime::spawn("jobs", impl->loop, runtime::Deadline::never(), [impl](runtime::Task& task) { impl->work(task); });
  });
}

void Runner::kick() {
  impl_->loop.post([impl = impl_.get()] { impl->kick(); });
}

void Runner::drain() {
  impl_->loop.post([impl = impl_.get()] {
    impl->draining = true;
    impl->kick();
  });
}

const Options& Runner::options() const { return impl_->options; }

std::optional<std::int64_t> Runner::next_attempt_ms(const store::Job& job, std::optional<milliseconds> retry_after) {
  if (job.attempts >= impl_->options.attempts_max) return std::nullopt;
  return impl_->loop.clock().unix_ms() + backoff(job.attempts, retry_after, impl_->random).count();
}

}  // namespace tomada::jobs
