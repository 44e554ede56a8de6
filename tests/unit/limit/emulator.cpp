#include "tests/unit/limit/emulator.hpp"

#include <algorithm>
#include <cmath>

namespace tomada::limit {

void EmulatedLimit::roll(double now) {
  if (kind == Kind::fixed_window) {
    const auto window = static_cast<std::int64_t>(std::floor((now - phase_seconds) / length_seconds));
    if (window != window_) used_ = 0;
    window_ = window;
  } else if (kind == Kind::sliding_log) {
    while (!log_.empty() && log_.front().first <= now - length_seconds) {
      used_ -= log_.front().second;
      log_.pop_front();
    }
  } else {
    if (tokens_ < 0) tokens_ = amount;
    tokens_ = std::min(amount, tokens_ + (now - at_) * amount / length_seconds);
    at_ = now;
  }
}

bool EmulatedLimit::take(double now, double cost) {
  roll(now);
  if (kind == Kind::token_bucket) {
    if (tokens_ < cost) return false;
    tokens_ -= cost;
    return true;
  }
  if (used_ + cost > amount) return false;
  used_ += cost;
  if (kind == Kind::sliding_log) log_.emplace_back(now, cost);
  return true;
}

double EmulatedLimit::remaining(double now) {
  roll(now);
  return std::max(0.0, kind == Kind::token_bucket ? tokens_ : amount - used_);
}

double EmulatedLimit::reset_in(double now) const {
  if (kind == Kind::fixed_window) return static_cast<double>(window_ + 1) * length_seconds + phase_seconds - now;
  if (kind == Kind::token_bucket) return std::max(0.0, (1 - tokens_) * length_seconds / amount);
  return log_.empty() ? length_seconds : log_.front().first + length_seconds - now;
}

Emulator::Emulator(std::uint64_t seed, std::vector<EmulatedLimit> limits, Shows shows, Limits declared,
                   std::vector<Caller> callers)
    : random_(seed), limits_(std::move(limits)), shows_(shows), callers_(std::move(callers)), outcomes_(callers_.size()),
      budget_(declared, time()) {
  for (std::size_t caller = 0; caller < callers_.size(); ++caller) {
    for (std::size_t i = 0; i < callers_[caller].flood_count; ++i) at(between(0, 0.2), [this, caller] { call(caller); });
    if (callers_[caller].every_seconds > 0) at(between(0, callers_[caller].every_seconds), [this, caller] { call(caller); });
  }
}

void Emulator::at(double when, std::function<void()> fn) {
  events_.push_back({when, number_++, std::move(fn)});
  std::push_heap(events_.begin(), events_.end(), std::greater<>());
}

bool Emulator::step(double until) {
  if (events_.empty() || events_.front().at > until) {
    now_ = until;
    return false;
  }
  std::pop_heap(events_.begin(), events_.end(), std::greater<>());
  const Event event = std::move(events_.back());
  events_.pop_back();
  now_ = std::max(now_, event.at);
  event.fn();
  return true;
}

void Emulator::run_answers(std::uint64_t count) {
  while (answers_ < count && step(1e15)) {}
}

void Emulator::run_seconds(double seconds) {
  const double until = now_ + seconds;
  while (step(until)) {}
}

Outcome Emulator::total() const {
  Outcome total;
  for (const Outcome& outcome : outcomes_) {
    total.ok_count += outcome.ok_count;
    total.refused_count += outcome.refused_count;
    total.wait_max_seconds = std::max(total.wait_max_seconds, outcome.wait_max_seconds);
  }
  return total;
}

void Emulator::call(std::size_t caller) {
  const Caller& who = callers_[caller];
  if (who.every_seconds > 0) at(now_ + between(0.5, 1.5) * who.every_seconds, [this, caller] { call(caller); });
  const Ask ask{who.lane, who.tenant, who.pool, who.cost};
  if (const auto permit = budget_.try_take(time(), ask)) return send(caller, *permit, now_);
  waiting_.emplace_back(std::pair{caller, now_});
  (void)budget_.wait(ask, waiting_.size() - 1);
  pump();
}

void Emulator::pump() {
  while (const auto admitted = budget_.next(time())) {
    const auto [caller, asked_at] = *waiting_[admitted->number];
    send(caller, admitted->permit, asked_at);
  }
  const auto wake = budget_.wake_at(time());
  if (!wake) return;
  const double when = std::max(now_ + 1e-6, std::chrono::duration<double>(wake->time_since_epoch()).count() - 3600 + 1e-6);
  if (woken_at_ > now_ && woken_at_ <= when) return;
  woken_at_ = when;
  at(when, [this] { pump(); });
}

void Emulator::send(std::size_t caller, Permit permit, double asked_at) {
  outcomes_[caller].wait_max_seconds = std::max(outcomes_[caller].wait_max_seconds, now_ - asked_at);
  at(now_ + between(0.008, 0.02), [this, caller, permit, asked_at] { arrive(caller, permit, asked_at); });
}

void Emulator::arrive(std::size_t caller, Permit permit, double asked_at) {
  bool ok = server_concurrency_max == 0 || at_server_ < server_concurrency_max;
  for (EmulatedLimit& limit : limits_) ok = ok && limit.remaining(now_) >= permit.ask.cost;
  if (ok)
    for (EmulatedLimit& limit : limits_) ok = limit.take(now_, permit.ask.cost) && ok;
  ++at_server_;
  const http::Head head = answer(ok);
  (void)asked_at;
  at(now_ + between(0.005, 0.03), [this, caller, permit, head] {
    --at_server_;
    at(now_ + between(0.008, 0.02), [this, caller, permit, head] { answered(caller, permit, head); });
  });
}

void Emulator::answered(std::size_t caller, const Permit& permit, const http::Head& head) {
  ++answers_;
  ++(head.status == 200 ? outcomes_[caller].ok_count : outcomes_[caller].refused_count);
  budget_.done(time(), permit, read_signals(head, runtime::WallTime(std::chrono::seconds(1767225600))));
  if (callers_[caller].every_seconds == 0) call(caller);
  pump();
}

http::Head Emulator::answer(bool ok) {
  http::Head head{ok ? 200 : 429, {}};
  if (limits_.empty()) return head;
  EmulatedLimit& first = limits_.front();
  const double remaining = std::floor(first.remaining(now_));
  const auto text = [](double value) { return std::to_string(static_cast<long long>(value)); };
  switch (shows_) {
    case Shows::nothing: break;
    case Shows::retry_after:
      if (!ok) head.headers.emplace_back("Retry-After", text(std::ceil(first.reset_in(now_) - 1e-6)));
      break;
    case Shows::x_ratelimit:
      head.headers = {{"X-RateLimit-Limit", text(first.amount)}, {"X-RateLimit-Remaining", text(remaining)},
                      {"X-RateLimit-Reset", text(1767225600 + std::ceil(first.reset_in(now_) - 1e-6))}};
      break;
    case Shows::hubspot:
      head.headers = {{"X-HubSpot-RateLimit-Max", text(first.amount)}, {"X-HubSpot-RateLimit-Remaining", text(remaining)},
                      {"X-HubSpot-RateLimit-Interval-Milliseconds", text(first.length_seconds * 1000)}};
      break;
    case Shows::shopify:
      head.headers = {{"X-Shopify-Shop-Api-Call-Limit", text(first.amount - remaining) + "/" + text(first.amount)}};
      break;
    case Shows::salesforce:
      head.headers = {{"Sforce-Limit-Info", "api-usage=" + text(first.amount - remaining) + "/" + text(first.amount)}};
      break;
    case Shows::pipedrive:
      head.headers = {{"x-ratelimit-limit", text(first.amount)}, {"x-ratelimit-remaining", text(remaining)},
                      {"x-ratelimit-reset", text(std::ceil(first.reset_in(now_) - 1e-6))}};
      break;
  }
  return head;
}

}  // namespace tomada::limit
