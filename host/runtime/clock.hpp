// Time is a collaborator: production reads the system's clocks, tests move a manual one.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>

namespace tomada::runtime {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// Both clocks may be read from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
  /// A manual clock's timers fire only when a test moves it.
  [[nodiscard]] virtual bool manual() const { return false; }

  [[nodiscard]] std::int64_t unix_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(wall().time_since_epoch()).count();
  }
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall() const override { return std::chrono::system_clock::now(); }
};

/// Stands still until advance(). Starts at 2026-01-01T00:00:00Z.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override {
    const std::lock_guard lock(mutex_);
    return steady_;
  }
  [[nodiscard]] WallTime wall() const override {
    const std::lock_guard lock(mutex_);
    return wall_;
  }
  [[nodiscard]] bool manual() const override { return true; }
  void advance(std::chrono::nanoseconds by) {
    const std::lock_guard lock(mutex_);
    steady_ += std::chrono::duration_cast<std::chrono::steady_clock::duration>(by);
    wall_ += std::chrono::duration_cast<std::chrono::system_clock::duration>(by);
  }

 private:
  mutable std::mutex mutex_;
  SteadyTime steady_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::seconds(1767225600)};
};

/// A point on the steady clock that bounds every wait below it.
class Deadline {
 public:
  constexpr Deadline() = default;  // never
  constexpr explicit Deadline(SteadyTime at) : at_(at) {}
  static constexpr Deadline never() { return {}; }
  static Deadline after(const Clock& clock, std::chrono::nanoseconds duration) {
    const SteadyTime now = clock.steady();
    if (duration >= SteadyTime::max() - now) return never();
    return Deadline(now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration));
  }
  [[nodiscard]] constexpr SteadyTime at() const { return at_; }
  [[nodiscard]] constexpr bool is_never() const { return at_ == SteadyTime::max(); }
  /// Never negative; milliseconds::max() when there is none.
  [[nodiscard]] std::chrono::milliseconds remaining(const Clock& clock) const {
    if (is_never()) return std::chrono::milliseconds::max();
    const auto left = at_ - clock.steady();
    return left.count() <= 0 ? std::chrono::milliseconds(0) : std::chrono::ceil<std::chrono::milliseconds>(left);
  }
  [[nodiscard]] constexpr Deadline earlier(Deadline other) const { return at_ < other.at_ ? *this : other; }

 private:
  SteadyTime at_{SteadyTime::max()};
};

}  // namespace tomada::runtime
