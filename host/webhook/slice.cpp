#include "host/webhook/slice.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <new>
#include <utility>

namespace tomada::webhook {
namespace {

using runtime::Deadline;
using runtime::SteadyTime;
using runtime::Task;
using std::chrono::milliseconds;

/// Requests waiting for the disk from which on the worker holds back, how often it still takes, and how much.
constexpr std::size_t k_intake_busy = 32;
constexpr milliseconds k_take_pause_busy{100};
constexpr std::size_t k_batch_busy = 16;
/// While calls run and nothing else is due, arrivals are looked for this often.
constexpr milliseconds k_poll{100};
/// Batches grow while they are drained faster than this.
constexpr milliseconds k_drained_quickly{1'000};
/// Calls of a serial plugin that are under way: one runs, the others are being committed or wait for their turn.
constexpr std::size_t k_running_serial = 4;
constexpr milliseconds k_busy_pause{60'000};  // an event whose turn never came
constexpr milliseconds k_store_pause{1'000};
constexpr int k_finish_attempts_max = 3;

}  // namespace

std::size_t Slice::running_max_of(const abi::Manifest& manifest, const WorkerOptions& options) {
  return manifest.concurrency == abi::Concurrency::serial ? std::min(options.running_max, k_running_serial)
                                                          : options.running_max;
}

Slice::Slice(store::Webhooks& webhooks, plugin::Calls& calls, runtime::Metrics& metrics,
             const std::function<std::size_t()>& intake_waiting, const WorkerOptions& options, const store::Job& job,
             Target target, bool ordered)
    : webhooks_(webhooks), calls_(calls), metrics_(metrics), intake_waiting_(intake_waiting), options_(options),
      job_(job), target_(std::move(target)), ordered_(ordered),
      running_max_(running_max_of(target_.manifest(), options)),
      batch_(std::min(options.take_max, 2 * running_max_)) {}

Result<Slice::End> Slice::run(Task& task) {
  ends_at_ = Deadline::after(task.clock(), options_.slice).at();
  Result<void> entered;
  for (bool again = true; again && entered.has_value();) {
    again = false;
    entered = calls_.run(task, target_.integration, [&](Task& inside, abi::Instance& instance) -> Result<void> {
      again = coordinate(inside, instance);
      return {};
    }, "webhooks/" + target_.integration.config_id, target_.release);
  }
  // Nothing of this slice runs any more. What no fiber came to goes back; where the store cannot do that, reclaim() will.
  bool keeps = true;
  for (auto chain = queue_.begin(); keeps && chain != queue_.end(); ++chain)
    for (auto event = chain->begin(); keeps && event != chain->end(); ++event) keeps = give_back(task, *event);
  if (trouble_) return End::store_trouble;
  if (entered.has_error() && task.check().has_value()) return std::move(entered).error();
  return exhausted_ ? End::nothing_due : End::time_over;
}

/// True: enter again, with a new instance.
bool Slice::coordinate(Task& task, abi::Instance& instance) {
  broken_ = false;
  while (true) {
    if (!interrupted_ && task.check().has_error()) {
      interrupted_ = true;
      stop_fibers(task.interruption().value_or(Errc::cancelled));
    }
    if (wants_more(task)) {
      take(task);
      continue;
    }
    start_fibers(task, instance);
    if (fibers_count_ == 0) {
      if (trouble_) return false;
      if (broken_) return !interrupted_;
      if (queue_.empty() && (interrupted_ || exhausted_ || is_over(task))) return false;
    }
    wait_for_change(task);
  }
}

bool Slice::is_over(Task& task) const { return task.clock().steady() >= ends_at_; }

bool Slice::wants_more(Task& task) {
  look_again_at_ = SteadyTime::max();
  if (interrupted_ || trouble_ || broken_ || exhausted_ || is_over(task)) return false;
  if (in_hand_count_ >= options_.take_max) return false;
  const SteadyTime now = task.clock().steady();
  if (in_hand_count_ > 0) {
    if (queue_.size() >= running_max_ || (!queue_.empty() && !last_full_)) return false;
    if (now < poll_at_) {
      look_again_at_ = poll_at_;
      return false;
    }
  }
  // An event that is not stored yet can be lost, one that is stored cannot: the intake goes first, but not for ever.
  if (now < last_take_ + k_take_pause_busy && intake_waiting_() >= k_intake_busy) {
    look_again_at_ = last_take_ + k_take_pause_busy;
    return false;
  }
  return true;
}

void Slice::take(Task& task) {
  std::size_t limit = std::min(batch_, options_.take_max - in_hand_count_);
  if (intake_waiting_() >= k_intake_busy) limit = std::min(limit, k_batch_busy);
  const SteadyTime before = std::exchange(last_take_, task.clock().steady());
  auto taken = webhooks_.take(task, job_, task.clock().unix_ms(), ordered_, limit);
  if (taken.has_error()) {
    if (taken.error().code == Errc::conflict) {  // another host holds the job now
      interrupted_ = true;
      stop_fibers(Errc::cancelled);
      return;
    }
    spdlog::error("webhooks of {}: cannot take events: {}", job_.config_id, taken.error().message);
    trouble_ = true;
    return;
  }
  last_full_ = taken->size() == limit;
  if (last_full_ && last_take_ - before < k_drained_quickly) batch_ = std::min(options_.take_max, batch_ * 2);
  poll_at_ = taken->empty() ? task.clock().steady() + k_poll : SteadyTime{};
  if (taken->empty() && in_hand_count_ == 0) exhausted_ = true;
  in_hand_count_ += taken->size();
  queue_up(*std::move(taken));
}

void Slice::queue_up(std::vector<store::Webhook> events) {
  std::unordered_map<std::string, Chain*> by_subject;
  for (store::Webhook& event : events) {
    if (ordered_ && !event.subject.empty()) {
      Chain*& chain = by_subject[event.subject];
      if (chain == nullptr) chain = &queue_.emplace_back();
      chain->push_back(std::move(event));
    } else {
      queue_.emplace_back().push_back(std::move(event));
    }
  }
}

void Slice::start_fibers(Task& task, abi::Instance& instance) {
  if (broken_ || trouble_) return;
  for (std::size_t waiting = queue_.size(); waiting > 0 && fibers_count_ < running_max_; --waiting) {
    ++fibers_count_;
    try {
      runtime::spawn("webhooks", task.loop(), Deadline::never(), [this, &instance](Task& fiber) {
        const auto self = fibers_.insert(fibers_.end(), &fiber);
        try {
          work_chains(fiber, instance);
        } catch (const std::exception& error) {
          spdlog::error("webhooks of {}: {}", job_.config_id, error.what());
          trouble_ = true;
        }
        fibers_.erase(self);
        --fibers_count_;
        signal();
      }, instance.stack_bytes());
    } catch (const std::bad_alloc&) {
      --fibers_count_;
      if (fibers_count_ == 0) trouble_ = true;  // not even one stack: the job comes back later
      return;
    }
  }
}

void Slice::work_chains(Task& task, abi::Instance& instance) {
  while (!queue_.empty() && !broken_ && !trouble_) {
    // A call over its time ends its fiber; another takes the place.
    if (!interrupted_ && task.check().has_error()) return;
    Chain chain = std::move(queue_.front());
    queue_.pop_front();
    if (last_full_ ? queue_.size() < running_max_ : queue_.empty()) signal();
    work_chain(task, instance, std::move(chain));
  }
}

void Slice::work_chain(Task& task, abi::Instance& instance, Chain chain) {
  bool go_on = true;
  while (!chain.empty() && !trouble_) {
    if (interrupted_ || !go_on) {
      if (!give_back(task, chain.front())) trouble_ = true;
      --in_hand_count_;
    } else if (broken_ || task.check().has_error()) {
      queue_.push_front(std::move(chain));
      return;
    } else {
      go_on = work_event(task, instance, chain.front());
      --in_hand_count_;
      if (ordered_ && !chain.front().subject.empty()) poll_at_ = SteadyTime{};  // the next of its subject may be due
    }
    chain.pop_front();
  }
  if (!chain.empty()) queue_.push_front(std::move(chain));  // run() gives it back
}

/// May the next of its subject follow?
bool Slice::work_event(Task& task, abi::Instance& instance, const store::Webhook& event) {
  task.replace_deadline(Deadline::after(task.clock(), options_.call_timeout));
  HandedOver handed = hand_to_plugin(task, instance, event);
  task.replace_deadline(Deadline::never());
  if (instance.broken()) broken_ = true;
  const std::int64_t duration_us = handed.duration_us;
  store::WebhookOutcome outcome = judge(task, event, std::move(handed));
  if (!keep(task, outcome)) return false;
  metrics_.webhook_processed(target_.manifest().id,
                             outcome.processing_status == "pending" ? "retried" : outcome.processing_status,
                             std::chrono::microseconds(duration_us));
  return outcome.processing_status != "pending";
}

/// An event that was in a process which crashed is handed over alone, to a process of its own.
HandedOver Slice::hand_to_plugin(Task& task, abi::Instance& instance, const store::Webhook& event) {
  const auto hand = [&](Task& on, abi::Instance& to) {
    return hand_over(on, to, target_,
                     {.event_id = event.event_id,
                      .event_type = event.event_type,
                      .headers = event.headers,
                      .body = event.body,
                      .received_at_ms = event.received_at_ms,
                      .attempt = event.processing_attempts},
                     false);
  };
  const std::string job = job_of(event.webhook_id);
  if (!calls_.suspects(job)) {
    HandedOver handed = hand(task, instance);
    handed.result = calls_.after_crash(task, target_.integration, instance, job, std::move(handed.result));
    return handed;
  }
  HandedOver handed;
  handed.started_at_ms = task.clock().unix_ms();
  auto called = calls_.run(task, target_.integration, [&](Task& inside, abi::Instance& alone) {
    handed = hand(inside, alone);
    return handed.result;
  }, job, target_.release);
  handed.result = std::move(called);
  return handed;
}

store::WebhookOutcome Slice::judge(Task& task, const store::Webhook& event, HandedOver handed) {
  const Result<void> result = handed.result;
  const bool began = handed.began;
  const std::int64_t now_ms = task.clock().unix_ms();
  store::WebhookOutcome outcome = std::move(handed).outcome_of(target_.integration, event.webhook_id,
                                                               event.processing_attempts, now_ms);
  if (result.has_value()) return outcome;
  const Error& error = result.error();
  // A plugin may say CANCELLED of its own accord; only the host's word is no attempt.
  if (interrupted_ && error.code == Errc::cancelled) {
    outcome.counts_attempt = false;
  } else if (!began && error.code == Errc::deadline) {
    outcome.counts_attempt = false;
    outcome.next_processing_at_ms = now_ms + k_busy_pause.count();
  } else {
    if (error.code == Errc::unauthenticated) saw_unauthenticated_ = true;
    metrics_.error(target_.manifest().id, outcome.error_code);
    spdlog::warn("webhook {} of {} (plugin {}, tenant {}): attempt {} ended: {}: {}",
                 store::format_webhook_id(event.webhook_id), job_.config_id, target_.manifest().id, job_.tenant_id,
                 event.processing_attempts, outcome.error_code, error.message);
    const bool hopeless = error.code == Errc::permanent || error.code == Errc::unsupported;
    const auto delay = hopeless ? std::nullopt : retry_delay(event.processing_attempts, error.retry_after);
    outcome.processing_status = delay ? "pending" : "failed";
    if (delay) outcome.next_processing_at_ms = now_ms + delay->count();
    return outcome;
  }
  outcome.processing_status = "pending";
  outcome.next_processing_at_ms = std::max(outcome.next_processing_at_ms, now_ms);
  return outcome;
}

/// Makes the outcome durable. False: it is not, and nothing more is begun.
bool Slice::keep(Task& task, store::WebhookOutcome& outcome) {
  for (int attempt = 1;; ++attempt) {
    const auto finished = webhooks_.finish(task, outcome);
    if (finished.has_value()) return true;
    const Error& error = finished.error();
    const std::string id = store::format_webhook_id(outcome.webhook_id);
    if (error.code == Errc::conflict || error.code == Errc::not_found) {
      spdlog::info("webhook {} of {}: its outcome is not needed any more: {}", id, job_.config_id, error.message);
      return true;
    }
    if (error.code != Errc::unavailable && (outcome.page || !outcome.values.empty())) {
      // The store refuses what the plugin did: that is how this attempt ended.
      outcome.page.reset();
      outcome.values.clear();
      outcome.error_code = std::string(to_string(error.code));
      outcome.error_message = error.message;
      const auto delay = retry_delay(outcome.attempt, std::nullopt);
      outcome.processing_status = delay ? "pending" : "failed";
      outcome.next_processing_at_ms = delay ? outcome.now_ms + delay->count() : 0;
      continue;
    }
    spdlog::error("webhook {} of {}: cannot keep its outcome: {}", id, job_.config_id, error.message);
    // Given up: it stays in hand, and the next holder of the job hands it over again.
    if (attempt >= k_finish_attempts_max || runtime::sleep_for(task, k_store_pause).has_error()) {
      trouble_ = true;
      return false;
    }
  }
}

/// False: the store cannot write now.
bool Slice::give_back(Task& task, const store::Webhook& event) {
  const std::int64_t now_ms = task.clock().unix_ms();
  store::WebhookOutcome outcome;
  outcome.tenant_id = target_.integration.tenant_id;
  outcome.config_id = target_.integration.config_id;
  outcome.webhook_id = event.webhook_id;
  outcome.attempt = event.processing_attempts;
  outcome.processing_status = "pending";
  outcome.next_processing_at_ms = outcome.started_at_ms = outcome.now_ms = now_ms;
  outcome.counts_attempt = false;
  const auto finished = webhooks_.finish(task, outcome);
  return finished.has_value() || finished.error().code != Errc::unavailable;
}

void Slice::wait_for_change(Task& task) {
  if (std::exchange(signalled_, false)) return;
  runtime::Wait wait(task);
  runtime::Timer timer([&wait] { wait.wake(); });
  if (look_again_at_ != SteadyTime::max()) timer.start(task.loop(), look_again_at_);
  changed_ = &wait;
  // Fibers refer to this frame: once interrupted, it waits for nothing but their end.
  (void)wait.wait(interrupted_ ? runtime::Interruptible::no : runtime::Interruptible::yes);
  changed_ = nullptr;
  signalled_ = false;
}

void Slice::signal() {
  signalled_ = true;
  if (changed_ != nullptr) changed_->wake();
}

void Slice::stop_fibers(Errc reason) {
  for (Task* const fiber : fibers_) fiber->interrupt(reason);
}

}  // namespace tomada::webhook
