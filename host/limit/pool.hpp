// The limits of one pool of requests, of every kind, asked together.
#pragma once

#include "host/abi/limits.hpp"
#include "host/limit/hidden_limit.hpp"
#include "host/limit/lane.hpp"
#include "host/limit/signals.hpp"
#include "host/limit/told_limit.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::limit {

using abi::Limits;
using abi::PoolLimits;

/// One line of what is known, for people.
struct LimitView {
  std::string pool;
  std::string name;
  std::string source;  // declared | told | learned
  double limit{};
  double used{};
  double remaining{};
  std::optional<Span> length;
  std::optional<double> restore_per_second;
  std::optional<Time> reset_at;
};

/// A request that was let through, until done().
struct Sent {
  Time at{};
  double cost{1};
};

/// One thread at a time.
class Pool {
 public:
  Pool(const PoolLimits& declared, Time now);

  /// Takes over what is declared anew and keeps what was counted and learned.
  void declare(const PoolLimits& declared, Time now);

  /// The earliest time for a request of this lane; `now` when it may go.
  Time room_at(Time now, Lane lane, double cost);
  void sent(Time now, Lane lane, double cost);
  /// Exactly once for each sent(). `rtt_min`: the fastest answer lately; nothing reached the provider earlier than it could.
  void done(Time now, const Sent& request, const Signals& signals, Span rtt_min);
  /// It was not sent after all.
  void give_back(Time now, const Sent& request);

  void block_until(Time at) { blocked_until_ = std::max(blocked_until_, at); }
  [[nodiscard]] Time blocked_until() const { return blocked_until_; }
  /// What others count in a declared window: the difference is added.
  void set_used(Time now, std::string_view window, double used);
  /// Sent before this process began; for windows of a length in (above, upto].
  void restore_use(Time now, Time at, double cost, Span above, Span upto);

  void restore_told(Time now, const Told& told);

  [[nodiscard]] std::size_t in_flight_count() const { return in_flight_count_; }
  void view(Time now, std::vector<LimitView>& views);

  [[nodiscard]] HiddenLimit& hidden() { return hidden_; }
  [[nodiscard]] std::vector<ToldLimit>& told() { return told_; }
  [[nodiscard]] const PoolLimits& declared() const { return declared_; }
  /// For shares of a limit that others use as well while they cannot be asked: 1 is all of it.
  void set_share(double share);

 private:
  struct Declared {
    SlidingWindow window;
    Time next_paced{};
  };
  [[nodiscard]] double reserve_of(Lane lane, double amount, Span length) const;
  [[nodiscard]] bool is_expected(Time now);
  void observe(Time now, Time sent_at, const Signals& signals);
  void correct_defaults(const Told& told);
  void refused(Time now, const Sent& request, const Signals& signals, bool expected);
  void note_urgent(Time now, Lane lane, double cost);

  PoolLimits declared_;
  double share_{1};
  std::vector<Declared> windows_;  // as declared_.windows
  std::vector<TokenBucket> buckets_;
  std::vector<ToldLimit> told_;
  HiddenLimit hidden_;
  Time blocked_until_{};
  Span block_step_{0};
  Time block_began_{};
  std::size_t in_flight_count_{0};
  double in_flight_cost_{0};
  double urgent_rate_{0};  // cost per second of interactive requests and webhooks, lately
  Time urgent_at_{};
  std::size_t unexpected_count_{0}, answered_count_{0};  // of the last answers: refusals that nothing explains
};

}  // namespace tomada::limit
