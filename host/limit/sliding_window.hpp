// How much was sent within the last second, minute, hour or day. Counts a little too much, never too little.
#pragma once

#include "host/runtime/clock.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

namespace tomada::limit {

using Time = runtime::SteadyTime;
using Span = std::chrono::nanoseconds;

inline constexpr Span k_window_length_min = std::chrono::milliseconds(100);
inline constexpr Span k_window_length_max = std::chrono::hours(24 * 31);

/// At most `amount` within any `length`, whatever instant the provider's own window begins at. One thread at a time.
///
/// Time is cut into 256 slots for a length, and a slot counts until all of it is older than the length: 0.4 % too long.
/// A request counts from the latest instant at which the provider may have seen it, which is not known when it is sent:
/// add() takes an instant in the near future, move() an earlier one once the answer is there.
class SlidingWindow {
 public:
  SlidingWindow(double amount, Span length);

  [[nodiscard]] double amount() const { return amount_; }
  [[nodiscard]] Span length() const { return width_ * k_slots; }
  void set_amount(double amount) { amount_ = amount; }
  /// Keeps the counts that still matter.
  void set_length(Span length);

  /// What counts at `now`; forgets what no longer does.
  double used(Time now);
  /// Sums up the part of the length that ends at `now`: for judging how a load came about.
  [[nodiscard]] double used_within(Time now, Span last) const;
  /// When `cost` more will fit below the amount, if nothing else is sent; `now` when it does already. A cost above the
  /// amount is taken for the amount: it waits until nothing else counts.
  Time room_at(Time now, double cost, double reserve = 0);
  /// `at` is at most latest(now). Below zero: gives back.
  void add(Time now, Time at, double cost);
  void move(Time now, Time from, Time to, double cost);
  /// The furthest that add() looks ahead: a twentieth of the length.
  [[nodiscard]] Span lookahead() const { return width_ * k_ahead; }
  /// When all that counts now counts no more.
  [[nodiscard]] Time empty_at(Time now);

 private:
  static constexpr std::int64_t k_slots = 256;
  static constexpr std::int64_t k_ahead = k_slots / 20;
  static constexpr std::int64_t k_ring = k_slots + k_ahead + 2;
  using Ring = std::array<float, k_ring>;

  [[nodiscard]] std::int64_t slot_of(Time at) const { return at.time_since_epoch().count() / width_.count(); }
  [[nodiscard]] float& at_slot(std::int64_t slot) const { return (*ring_)[static_cast<std::size_t>(slot % k_ring)]; }
  void roll(std::int64_t slot);

  double amount_;
  Span width_;
  std::int64_t now_slot_{0};  // counts stand in [now_slot_ - k_slots, now_slot_ + k_ahead]
  double used_{0};
  std::unique_ptr<Ring> ring_;
};

}  // namespace tomada::limit
