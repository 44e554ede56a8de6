// A bucket that fills at a steady rate: what Shopify and others call a leaky bucket, seen from the other side.
#pragma once

#include "host/limit/sliding_window.hpp"

#include <algorithm>

namespace tomada::limit {

/// Starts full. One thread at a time.
class TokenBucket {
 public:
  TokenBucket(double capacity, double restore_per_second) : capacity_(capacity), restore_(restore_per_second), tokens_(capacity) {}

  [[nodiscard]] double capacity() const { return capacity_; }
  [[nodiscard]] double restore_per_second() const { return restore_; }
  [[nodiscard]] double tokens(Time now) {
    if (now > at_) {
      if (at_ != Time{}) tokens_ = std::min(capacity_, tokens_ + restore_ * std::chrono::duration<double>(now - at_).count());
      at_ = now;
    }
    return tokens_;
  }
  /// As SlidingWindow::room_at().
  Time room_at(Time now, double cost, double reserve = 0) {
    const double missing = std::min(cost + reserve, capacity_) - tokens(now);
    if (missing <= 1e-6) return now;
    if (restore_ <= 0) return now + std::chrono::hours(24);
    return now + std::chrono::duration_cast<Span>(std::chrono::duration<double>(missing / restore_)) + Span(1);
  }
  void take(Time now, double cost) { tokens_ = tokens(now) - cost; }
  /// The provider's word: so much is there, and `in_flight` more may be on its way to be taken.
  void set(Time now, double capacity, double restore_per_second, double available, double in_flight) {
    at_ = now;
    capacity_ = capacity;
    restore_ = restore_per_second;
    tokens_ = std::min(capacity, available - in_flight);
  }

 private:
  double capacity_;
  double restore_;
  double tokens_;
  Time at_{};
};

}  // namespace tomada::limit
