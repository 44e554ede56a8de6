#include "host/limit/hidden_limit.hpp"

#include <algorithm>
#include <cmath>

namespace tomada::limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Span k_gap = seconds(2);               // between two loads
constexpr Span k_pause_first = milliseconds(250);
constexpr Span k_pause_step_max = seconds(60);
constexpr double k_pause_growth = 1.33;
constexpr Span k_wait_granularity = seconds(1);  // Retry-After has whole seconds
constexpr Span k_length_min = seconds(1);
constexpr Span k_length_max = std::chrono::hours(24);
constexpr double k_back_off = 0.04;       // of the ceiling
constexpr double k_safe_share = 0.95;     // of the ceiling: what is gone back to soon
constexpr double k_growth_first = 0.05;   // of the amount, in each length
constexpr double k_growth_later = 0.015;
constexpr std::uint64_t k_rest_successes = 300;
constexpr std::uint64_t k_step_successes = 30;  // between two steps up
constexpr int k_rest_lengths = 10;
constexpr Span k_rest_min = seconds(60);

double share(Span part, Span whole) { return static_cast<double>(part.count()) / static_cast<double>(whole.count()); }

}  // namespace

Time HiddenLimit::room_at(Time now, double cost, bool paced, double reserve) {
  if (paused_) return probing_ ? now + k_pause_step_max : std::max(now, probe_at_);
  if (!window_) return now;
  grow(now);
  Time at = window_->room_at(now, cost, reserve);
  if (paced && window_->used(now) > amount_ / 4) at = std::max(at, next_paced_);
  if (at > now) was_short_ = true;
  return at;
}

void HiddenLimit::sent(Time now, Time at, double cost) {
  if (now - last_sent_ > k_gap && !paused_) {
    cycle_began_ = now;
    cycle_sent_ = 0;
  }
  last_sent_ = now;
  cycle_sent_ += cost;
  if (paused_) probing_ = true;
  if (!window_) return;
  window_->add(now, at, cost);
  const Span spacing = std::chrono::duration_cast<Span>(window_->length() * (cost / amount_));
  next_paced_ = std::max(next_paced_ + spacing, now);
}

void HiddenLimit::succeeded(Time now, Time sent_at, Time from, Time to, double cost) {
  if (window_) window_->move(now, from, to, cost);
  ++successes_;
  got_through_ += cost;
  if (paused_ && sent_at >= pause_began_) settle(now);
}

void HiddenLimit::refused(Time now, Time sent_at, Time counted_at, double cost, std::optional<Span> wait) {
  cycle_sent_ -= cost;
  if (window_) window_->add(now, counted_at, -cost);  // most providers do not count what they refuse
  if (paused_) {
    if (sent_at < pause_began_) return;  // was on its way when the pause began
    probing_ = false;
    pause_known_ = now - pause_began_;
    pause_step_ = std::min(std::chrono::duration_cast<Span>(pause_step_ * k_pause_growth), k_pause_step_max);
    probe_at_ = now + wait.value_or(pause_step_);
    if (wait) pause_known_ += std::max<Span>(*wait - k_wait_granularity, Span(0));
    return;
  }
  if (sent_at < pause_began_) return;
  if (window_) {
    refusals_in_a_row_ = successes_ < static_cast<std::uint64_t>(amount_ / 2) ? refusals_in_a_row_ + 1 : 0;
    if (window_->used(now) < 0.6 * amount_) shrink_length(now);
  }
  paused_ = true;
  probing_ = false;
  pause_began_ = now;
  pause_step_ = k_pause_first;
  if (window_) {  // a part of it is free again when the next of an even load would be due
    pause_step_ = std::clamp<Span>(std::max(window_->length() / 64, turn()), milliseconds(20), seconds(10));
  }
  probe_at_ = now + wait.value_or(pause_step_);
  pause_known_ = std::max<Span>(wait.value_or(Span(0)) - k_wait_granularity, Span(0));
}

Span HiddenLimit::turn() const {
  return std::chrono::duration_cast<Span>(window_->length() / std::max(1.0, amount_));
}

/// The provider takes requests again.
void HiddenLimit::settle(Time now) {
  paused_ = probing_ = false;
  if (!window_) {
    learn_first(now);
  } else if (pause_known_ > window_->length()) {
    const Span length = std::min<Span>(window_->length() + (now - pause_began_), k_length_max);
    window_->set_length(length);
    move_amount(std::max(window_->used(now), got_through_ * std::min(1.0, share(length, now - settled_at_))));
  } else if (share(pause_known_, window_->length()) > 0.1 && pause_known_ > turn() * 2) {
    move_amount(std::clamp(window_->used(now), amount_ / 2, amount_) * (1 - k_back_off / 2));
  } else {
    const double back = k_back_off * static_cast<double>(1 << std::clamp(refusals_in_a_row_ - 1, 0, 4));
    const double ceiling = refusals_in_a_row_ > 0 && ceiling_ > 0 ? ceiling_ : amount_;
    move_amount(amount_ * (1 - std::min(back, 0.5)));
    ceiling_ = ceiling;
  }
  successes_ = 0;
  step_successes_ = 0;
  got_through_ = 0;
  settled_at_ = now;
  step_at_ = now;
  was_short_ = false;
  next_paced_ = now + turn() * 2;  // a cushion against requests that overtake each other
}

void HiddenLimit::move_amount(double amount) {
  amount_ = std::max(amount, 0.1);
  window_->set_amount(std::max(1.0, std::ceil(amount_)));
  ceiling_ = 0;
}

void HiddenLimit::learn_first(Time now) {
  const Span length = std::clamp<Span>(now - cycle_began_, k_length_min, k_length_max);
  amount_ = std::max(1.0, cycle_sent_);
  window_.emplace(std::ceil(amount_), length);
  window_->add(now, now, std::min(amount_, 1.0));
}

/// The amount was sent in far less than the length: that part of it is what the provider counts.
void HiddenLimit::shrink_length(Time now) {
  const Span shorter = std::max<Span>(window_->length() / 4, k_length_min);
  if (shorter >= window_->length()) return;
  const double amount = std::max(window_->used_within(now, shorter), amount_ * share(shorter, window_->length()));
  window_->set_length(shorter);
  move_amount(amount);
}

void HiddenLimit::grow(Time now) {
  if (step_at_ == Time{}) step_at_ = now;
  const Span length = window_->length();
  if (now - step_at_ < length || successes_ - step_successes_ < k_step_successes || !was_short_) return;
  if (ceiling_ == 0) {
    amount_ += k_growth_first * amount_;
  } else if (amount_ < k_safe_share * ceiling_) {
    if (now - pause_began_ < length * 2) return;
    amount_ = std::min(amount_ + k_growth_first * amount_, k_safe_share * ceiling_);
  } else {
    if (now - pause_began_ < std::max<Span>(length * k_rest_lengths, k_rest_min) || successes_ < k_rest_successes) return;
    amount_ += k_growth_later * ceiling_;
  }
  window_->set_amount(std::ceil(amount_));
  step_at_ = now;
  step_successes_ = successes_;
  was_short_ = false;
}

std::optional<HiddenLimit::Learned> HiddenLimit::learned() const {
  if (!window_) return std::nullopt;
  return Learned{amount_, window_->length(), ceiling_ > 0};
}

void HiddenLimit::restore(const Learned& learned, Time now) {
  if (learned.amount <= 0) return;
  amount_ = learned.amount;
  window_.emplace(std::max(1.0, std::ceil(amount_)), std::clamp(learned.length, k_length_min, k_length_max));
  ceiling_ = learned.is_settled ? amount_ : 0;
  step_at_ = now;
}

}  // namespace tomada::limit
