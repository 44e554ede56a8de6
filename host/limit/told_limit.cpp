#include "host/limit/told_limit.hpp"

#include <algorithm>

namespace tomada::limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Span k_guard_min = milliseconds(20);
constexpr Span k_same_reset = milliseconds(1'500);  // resets told in whole seconds wobble by one
/// Resets are told for windows up to a day; two that lie further apart had idle windows between them.
constexpr Span k_seen_length_max = std::chrono::hours(24);

}  // namespace

ToldLimit::ToldLimit(const Told& told, Time now, Time sent_at) : name_(told.name) { observe(told, now, sent_at, 0); }

std::optional<Span> ToldLimit::length() const {
  if (window_) return window_->length();
  return std::nullopt;
}

Span ToldLimit::horizon(Time now) const {
  if (window_) return window_->length();
  return reset_at_ ? std::max<Span>(*reset_at_ - now, Span(0)) : Span(0);
}

std::optional<double> ToldLimit::restore_per_second() const {
  if (bucket_) return bucket_->restore_per_second();
  return std::nullopt;
}

void ToldLimit::observe(const Told& told, Time now, Time sent_at, double in_flight) {
  if (told.amount) amount_ = *told.amount;
  if (told.kind == Told::Kind::bucket) {
    if (!bucket_) bucket_.emplace(amount_, told.restore_per_second.value_or(amount_ / 60));
    bucket_->set(now, amount_, told.restore_per_second.value_or(bucket_->restore_per_second()),
                 told.remaining.value_or(amount_), in_flight);
    return;
  }
  if (told.length && amount_ >= 1) {
    if (!window_) window_.emplace(amount_, *told.length);
    else if (window_->length() / 2 > *told.length || window_->length() * 2 < *told.length) window_->set_length(*told.length);
  }
  if (window_) window_->set_amount(amount_);
  if (told.reset_in) observe_reset(told, now, sent_at);
  forget_old_reset(now);
  if (!told.remaining) return;
  if (amount_ == 0) amount_ = *told.remaining;
  if (reset_at_ && !is_sliding_) lowest_ = std::min(lowest_.value_or(amount_), *told.remaining);
  if (window_) {
    // More is gone than we sent: the account has other users.
    const double foreign = amount_ - *told.remaining - window_->used(now);
    if (foreign > 0) window_->add(now, now, foreign);
  }
}

/// A later reset than the one before: a new window, and the distance is its length.
void ToldLimit::observe_reset(const Told& told, Time now, Time sent_at) {
  const Time reset = now + *told.reset_in;
  guard_ = std::max(told.reset_granularity, k_guard_min);
  const Span same = std::max<Span>(k_guard_min, told.reset_granularity + (told.reset_granularity.count() > 0 ? k_same_reset - seconds(1) : Span(0)));
  longest_ = std::max(longest_, *told.reset_in);
  if (reset_at_ && reset <= *reset_at_ + same) {
    if (now > *reset_at_ + k_guard_min && told.remaining && *told.remaining < 1 && !turned_within_) is_late_ = true;
    if (now < *reset_at_) reset_at_ = std::min(*reset_at_, reset);  // seconds from now, rounded up: the least is the nearest
    return;
  }
  if (reset_at_ && now >= *reset_at_) turned_within_ = std::min<Span>(turned_within_.value_or(Span::max()), std::max<Span>(sent_at - *reset_at_, Span(0)));
  lowest_.reset();
  // A window that begins with little left, time and again, is none that begins anew.
  low_starts_ = reset_at_ && told.remaining && *told.remaining < amount_ / 2 ? low_starts_ + 1 : 0;
  is_sliding_ = is_sliding_ || low_starts_ > 2 || (reset_at_ && now + guard_ < *reset_at_);
  if (is_sliding_ && amount_ >= 1) {
    if (!window_) window_.emplace(amount_, longest_);
    else if (!told.length && (window_->length() * 10 < longest_ * 9)) window_->set_length(longest_);
  } else if (reset_at_ && !told.length && amount_ >= 1) {
    const Span distance = reset - *reset_at_;
    if (distance <= k_seen_length_max && (!window_ || distance < window_->length() * 99 / 100)) {
      if (window_) window_->set_length(distance);
      else window_.emplace(amount_, distance);
    }
  }
  reset_at_ = reset;
}

void ToldLimit::forget_old_reset(Time now) {
  if (reset_at_ && now >= *reset_at_ + (turned_within_ ? guard(0) : guard_)) lowest_.reset();
}

/// A time in whole seconds may be cut off or rounded up. One request alone asks at the told time; how that ends says which.
Span ToldLimit::guard(double in_flight) const {
  if (turned_within_) return std::clamp<Span>(*turned_within_, k_guard_min, guard_);
  return is_late_ || in_flight > 0 ? guard_ : k_guard_min;
}

double ToldLimit::remaining(Time now, double in_flight) {
  if (bucket_) return std::max(0.0, bucket_->tokens(now));
  forget_old_reset(now);
  double left = amount_;
  if (window_) left = std::min(left, amount_ - window_->used(now));
  if (lowest_) left = std::min(left, *lowest_ - in_flight);
  return std::max(0.0, left);
}

bool ToldLimit::is_exhausted(Time now, double in_flight) { return remaining(now, in_flight) < 1; }

Time ToldLimit::room_at(Time now, double cost, bool paced, double reserve, double in_flight) {
  if (bucket_) return bucket_->room_at(now, cost, reserve);
  Time at = now;
  if (window_) {
    at = window_->room_at(now, cost, reserve);
    if (paced && window_->used(now) > amount_ / 2) at = std::max(at, next_paced_);
  }
  forget_old_reset(now);
  const bool is_probe = reset_at_ && now >= *reset_at_ + guard(in_flight);
  if (lowest_ && !is_probe && *lowest_ - in_flight - reserve < std::min(cost, amount_)) {
    // What is on its way comes back soon and is counted then; else the reset is what helps.
    at = std::max(at, in_flight > 0 && *lowest_ >= cost ? now + milliseconds(100) : *reset_at_ + guard(in_flight));
  }
  return at;
}

void ToldLimit::sent(Time now, Time at, double cost) {
  if (bucket_) return bucket_->take(now, cost);
  if (!window_) return;
  window_->add(now, at, cost);
  const Span spacing = std::chrono::duration_cast<Span>(window_->length() * (cost / std::max(1.0, amount_)));
  next_paced_ = std::max(next_paced_ + spacing, now);
}

void ToldLimit::moved(Time now, Time from, Time to, double cost) {
  if (window_) window_->move(now, from, to, cost);
}

}  // namespace tomada::limit
