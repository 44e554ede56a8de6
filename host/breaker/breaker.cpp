#include "host/breaker/breaker.hpp"

namespace tomada::breaker {
namespace {

constexpr std::chrono::seconds k_step{5};

std::int64_t step_of(Time now) { return now.time_since_epoch() / k_step; }

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::closed: return "closed";
    case State::open: return "open";
    case State::half_open: break;
  }
  return "half_open";
}

std::optional<Breaker::Pass> Breaker::admit(Time now, const Policy& policy) {
  if (!policy.enabled) return Pass{epoch_, false};
  if (state_ == State::closed) return Pass{epoch_, false};
  if (state_ == State::open && now >= retry_at_) turn(State::half_open, now);
  if (state_ == State::open || probing_) return std::nullopt;
  probing_ = true;
  return Pass{epoch_, true};
}

bool Breaker::done(Time now, const Policy& policy, const Pass& pass, Outcome outcome) {
  if (pass.is_probe && pass.epoch == epoch_) probing_ = false;
  if (outcome == Outcome::neutral) return false;
  note(now, outcome == Outcome::success);
  if (pass.epoch != epoch_ || !policy.enabled) return false;
  if (outcome == Outcome::success) {
    if (state_ != State::half_open || counts_.consecutive_successes < k_successes_to_close) return false;
    turn(State::closed, now);
    return true;
  }
  if (state_ == State::closed && counts_.consecutive_failures < policy.threshold && !is_failing(now)) return false;
  retry_at_ = now + policy.timeout;
  turn(State::open, now);
  return true;
}

void Breaker::note(Time now, bool success) {
  Recent& recent = recent_[static_cast<std::size_t>(step_of(now)) % recent_.size()];
  if (recent.step != step_of(now)) recent = {step_of(now)};
  if (success) {
    ++recent.successes;
    ++counts_.success_count;
    ++counts_.consecutive_successes;
    counts_.consecutive_failures = 0;
    counts_.last_success_at = now;
  } else {
    ++recent.failures;
    ++counts_.failure_count;
    ++counts_.consecutive_failures;
    counts_.consecutive_successes = 0;
    counts_.last_failure_at = now;
  }
}

bool Breaker::is_failing(Time now) const {
  std::int64_t failures = 0, all = 0;
  for (const Recent& recent : recent_) {
    if (recent.step < 0 || recent.step <= step_of(now) - static_cast<std::int64_t>(recent_.size())) continue;
    failures += recent.failures;
    all += recent.failures + recent.successes;
  }
  return all >= k_rated_requests_min && static_cast<double>(failures) >= k_failure_rate * static_cast<double>(all);
}

void Breaker::turn(State state, Time now) {
  state_ = state;
  counts_.state_changed_at = now;
  ++epoch_;
  probing_ = false;
  if (state == State::half_open) counts_.consecutive_successes = 0;
  if (state == State::closed) recent_ = {};
}

void Breaker::restore(State state, Time retry_at, const Counts& counts) {
  state_ = state == State::half_open ? State::open : state;  // its probe died with the process
  retry_at_ = retry_at;
  counts_ = counts;
}

}  // namespace tomada::breaker
