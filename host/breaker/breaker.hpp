// A circuit breaker: after too many failures nothing is sent for a while, then one request at a time asks whether it is over.
#pragma once

#include "host/runtime/clock.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tomada::breaker {

using Time = runtime::SteadyTime;

enum class State { closed, open, half_open };
std::string_view to_string(State state);

struct Policy {
  bool enabled{true};                           // circuit_breaker_enabled
  std::int64_t threshold{5};                    // circuit_breaker_threshold: failures in a row
  std::chrono::milliseconds timeout{60'000};    // circuit_breaker_timeout_ms: from open to half open
  friend bool operator==(const Policy&, const Policy&) = default;
};

inline constexpr double k_failure_rate = 0.5;         // of the last minute opens it as well
inline constexpr std::int64_t k_rated_requests_min = 20;  // with fewer than these a rate says nothing
inline constexpr std::int64_t k_successes_to_close = 3;

/// What became of a request. Neutral: it says nothing about the provider's health (a limit, a cancelled call).
enum class Outcome { success, failure, neutral };

/// One thread at a time.
class Breaker {
 public:
  /// A request that was let through; ends in done().
  struct Pass {
    std::uint64_t epoch{};
    bool is_probe{false};
  };
  /// Nothing: open; retry_at() says until when.
  std::optional<Pass> admit(Time now, const Policy& policy);
  /// True: the state changed.
  bool done(Time now, const Policy& policy, const Pass& pass, Outcome outcome);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Time retry_at() const { return retry_at_; }

  struct Counts {
    std::int64_t failure_count{}, success_count{};  // in all
    std::int64_t consecutive_failures{}, consecutive_successes{};
    std::optional<Time> last_failure_at, last_success_at;
    Time state_changed_at{};
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// As it was before a restart. Half open begins anew with its probe.
  void restore(State state, Time retry_at, const Counts& counts);

 private:
  /// Successes and failures of the last minute, in steps of five seconds.
  struct Recent {
    std::int64_t step{-1};
    std::int64_t successes{0};
    std::int64_t failures{0};
  };
  void note(Time now, bool success);
  [[nodiscard]] bool is_failing(Time now) const;
  void turn(State state, Time now);

  State state_{State::closed};
  Counts counts_;
  Time retry_at_{};
  std::uint64_t epoch_{0};  // counts changes: what was let through before one says nothing after it
  bool probing_{false};
  std::array<Recent, 12> recent_{};
};

}  // namespace tomada::breaker
