// The whole budget of one account at one provider: its pools, and who waits for them. No threads, no timers: time comes in.
#pragma once

#include "host/limit/pool.hpp"
#include "host/limit/queue.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace tomada::limit {

inline constexpr std::size_t k_waiting_max = 10'000;  // requests of one account; one more is RATE_LIMITED

struct Ask {
  Lane lane{Lane::interactive};
  std::uint32_t tenant{};
  std::size_t pool{};  // an index of Limits::pools
  double cost{1};
};

/// A request that may be sent now, and must end in done() or give_back().
struct Permit {
  Ask ask;
  Sent sent;
};

/// One thread at a time.
class Budget {
 public:
  Budget(const Limits& declared, Time now);
  void declare(const Limits& declared, Time now);
  [[nodiscard]] const Limits& declared() const { return declared_; }

  /// A permit when there is room and nobody waits who would go before. The common case.
  std::optional<Permit> try_take(Time now, const Ask& ask);
  /// Lets it wait; false when k_waiting_max do. next() hands it out later under this number.
  bool wait(const Ask& ask, std::uint64_t number);
  void leave(const Ask& ask, std::uint64_t number);
  /// The next of those that wait, if there is room for any. To be called until it says no: after done(), give_back(), leave()
  /// and at wake_at().
  struct Admitted {
    std::uint64_t number{};
    Permit permit;
  };
  std::optional<Admitted> next(Time now);
  /// When next() is worth another try, if nothing else happens; nothing while nobody waits.
  std::optional<Time> wake_at(Time now);
  /// The earliest time that a request of this kind could be sent at, were nobody before it.
  Time room_at(Time now, const Ask& ask);

  void done(Time now, const Permit& permit, const Signals& signals);
  void give_back(Time now, const Permit& permit);

  [[nodiscard]] std::size_t waiting_count() const { return waiting_count_; }
  [[nodiscard]] std::size_t waiting_count(Lane lane) const;
  [[nodiscard]] std::size_t in_flight_count() const { return pools_.front().in_flight_count(); }
  [[nodiscard]] std::vector<LimitView> view(Time now);
  [[nodiscard]] std::vector<Pool>& pools() { return pools_; }

 private:
  void note_rtt(Time now, Span rtt);
  void take(Time now, const Ask& ask);

  Limits declared_;
  std::vector<Pool> pools_;   // as declared_.pools
  std::vector<Queue> queues_;  // one for each pool
  std::size_t waiting_count_{0};
  std::size_t turn_{0};  // of the queues
  Span rtt_min_{0};
  Span rtt_next_{Span::max()};
  Time rtt_began_{};
};

}  // namespace tomada::limit
