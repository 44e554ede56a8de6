// One limit that the provider shows in its answers: how much there is, what remains, and when it begins anew.
#pragma once

#include "host/limit/signals.hpp"
#include "host/limit/sliding_window.hpp"
#include "host/limit/token_bucket.hpp"

#include <optional>
#include <string>

namespace tomada::limit {

/// Three readings of what is told, of which all that apply bound what is sent:
/// - an amount and a length (told, or seen between two resets): a sliding window of our own requests, and what the
///   provider counts above that is somebody else's and counts as well;
/// - a remainder and a reset: that many until then, less what is on its way; a reset that keeps moving on belongs to a
///   sliding window, as long as the longest wait for it;
/// - a bucket with its rate.
/// One thread at a time.
class ToldLimit {
 public:
  ToldLimit(const Told& told, Time now, Time sent_at);

  /// `sent_at`: of the request whose answer told it. `in_flight`: cost of requests without an answer yet.
  void observe(const Told& told, Time now, Time sent_at, double in_flight);
  Time room_at(Time now, double cost, bool paced, double reserve, double in_flight);
  void sent(Time now, Time at, double cost);
  void moved(Time now, Time from, Time to, double cost);
  [[nodiscard]] Span lookahead() const { return window_ ? window_->lookahead() : Span(0); }
  /// All of it is used by what the provider said last: a refusal is no surprise.
  [[nodiscard]] bool is_exhausted(Time now, double in_flight);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_bucket() const { return bucket_.has_value(); }
  [[nodiscard]] double amount() const { return amount_; }
  [[nodiscard]] std::optional<Span> length() const;
  /// The length, or the time to the reset: for how long what is left has to do.
  [[nodiscard]] Span horizon(Time now) const;
  /// What is left by our own reckoning.
  [[nodiscard]] double remaining(Time now, double in_flight);
  [[nodiscard]] std::optional<Time> reset_at() const { return reset_at_; }
  [[nodiscard]] std::optional<double> restore_per_second() const;

 private:
  void observe_reset(const Told& told, Time now, Time sent_at);
  void forget_old_reset(Time now);
  [[nodiscard]] Span guard(double in_flight) const;

  std::string name_;
  double amount_{0};
  std::optional<SlidingWindow> window_;
  std::optional<TokenBucket> bucket_;
  std::optional<double> lowest_;  // of what remained, since the last reset
  std::optional<Time> reset_at_;
  Time reset_seen_{};
  bool is_sliding_{false};  // the reset moves on before it comes: it is that of the oldest request
  int low_starts_{0};
  Span longest_{0};         // of the times to a reset
  std::optional<Span> turned_within_;  // of the told time: a window was seen to have begun so soon
  bool is_late_{false};                // a probe at the told time was refused: the guard is needed
  Span guard_{0};  // the reset may come so much later than told
  Time next_paced_{};
};

}  // namespace tomada::limit
