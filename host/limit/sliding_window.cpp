#include "host/limit/sliding_window.hpp"

#include <algorithm>

namespace tomada::limit {

SlidingWindow::SlidingWindow(double amount, Span length)
    : amount_(amount), width_(std::clamp(length, k_window_length_min, k_window_length_max) / k_slots),
      ring_(std::make_unique<Ring>()) {}

void SlidingWindow::set_length(Span length) {
  SlidingWindow other(amount_, length);
  for (std::int64_t slot = now_slot_ - k_slots; slot <= now_slot_ + k_ahead; ++slot) {
    if (slot < 0 || at_slot(slot) == 0) continue;
    const Time at(Span(slot * width_));
    const Time now(Span(now_slot_ * width_));
    other.add(now, at, at_slot(slot));
  }
  *this = std::move(other);
}

void SlidingWindow::roll(std::int64_t slot) {
  if (slot <= now_slot_) return;
  const std::int64_t steps = std::min<std::int64_t>(slot - now_slot_, k_ring);
  // The places that come into view were those that go out of it.
  for (std::int64_t i = 1; i <= steps; ++i) {
    const std::int64_t out = now_slot_ + i - k_slots - 1;
    if (out < 0) continue;
    used_ -= at_slot(out);
    at_slot(out) = 0;
  }
  if (slot - now_slot_ >= k_ring) {
    ring_->fill(0);
    used_ = 0;
  }
  now_slot_ = slot;
}

double SlidingWindow::used(Time now) {
  roll(slot_of(now));
  return used_;
}

double SlidingWindow::used_within(Time now, Span last) const {
  double sum = 0;
  const std::int64_t from = std::max(slot_of(now - last), now_slot_ - k_slots);
  for (std::int64_t slot = std::max<std::int64_t>(from, 0); slot <= now_slot_ + k_ahead; ++slot) sum += at_slot(slot);
  return sum;
}

Time SlidingWindow::room_at(Time now, double cost, double reserve) {
  roll(slot_of(now));
  const double limit = std::max(amount_ - reserve, std::min(amount_, 1.0));
  double over = used_ + std::min(cost, limit) - limit;
  if (over <= 1e-6) return now;
  for (std::int64_t slot = std::max<std::int64_t>(now_slot_ - k_slots, 0); slot <= now_slot_ + k_ahead; ++slot) {
    over -= at_slot(slot);
    if (over <= 1e-6) return Time(Span((slot + k_slots + 1) * width_));
  }
  return Time(Span((now_slot_ + k_ahead + k_slots + 1) * width_));
}

void SlidingWindow::add(Time now, Time at, double cost) {
  roll(slot_of(now));
  const std::int64_t slot = std::min(slot_of(at), now_slot_ + k_ahead);
  if (slot < now_slot_ - k_slots || slot < 0) return;
  float& count = at_slot(slot);
  const float before = count;
  count = std::max(0.0f, count + static_cast<float>(cost));
  used_ += count - before;
}

void SlidingWindow::move(Time now, Time from, Time to, double cost) {
  roll(slot_of(now));
  const std::int64_t from_slot = std::min(slot_of(from), now_slot_ + k_ahead);
  const std::int64_t to_slot = std::max<std::int64_t>(slot_of(to), 0);
  if (to_slot >= from_slot || from_slot < now_slot_ - k_slots) return;
  const float moved = std::min(at_slot(from_slot), static_cast<float>(cost));
  at_slot(from_slot) -= moved;
  if (to_slot >= now_slot_ - k_slots) at_slot(to_slot) += moved;
  else used_ -= moved;
}

Time SlidingWindow::empty_at(Time now) {
  roll(slot_of(now));
  for (std::int64_t slot = now_slot_ + k_ahead; slot >= now_slot_ - k_slots && slot >= 0; --slot)
    if (at_slot(slot) > 0) return Time(Span((slot + k_slots + 1) * width_));
  return now;
}

}  // namespace tomada::limit
