// Who is next among those that wait for one pool: lanes by weight, tenants in turn.
#pragma once

#include "host/limit/lane.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>

namespace tomada::limit {

struct Ticket {
  std::uint64_t number{};
  Lane lane{};
  std::uint32_t tenant{};  // a small number for each tenant of the account
  double cost{1};
};

/// The order:
/// 1. A tenant that waits and has had less than half its share (a half of an equal part of what went out since it began to
///    wait) goes first, with its most urgent request.
/// 2. Then the lanes: while all four have somebody waiting, of 85 requests 64 are interactive, 16 webhooks, 4 incremental
///    and 1 of a backfill; so none starves.
/// 3. In a lane the tenant that has had least; of one tenant in the order of arrival.
/// A request that has no room yet leaves its place to the next that has. One thread at a time.
class Queue {
 public:
  void push(const Ticket& ticket);
  /// False: not there (any more).
  bool remove(const Ticket& ticket);
  /// Takes out the first in the order for which `fits` is true, asked at most twice for each lane. `as` is the lane by whose
  /// rules there must be room: where urgent requests wait as well, the turn of a lower lane is as good as theirs.
  std::optional<Ticket> take(const std::function<bool(const Ticket&, Lane as)>& fits);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t count(Lane lane) const { return lanes_[static_cast<std::size_t>(lane)].count; }
  /// The first ticket of each lane that has any.
  void for_each_first(const std::function<void(const Ticket&)>& fn) const;

 private:
  struct Tenant {
    double served{0};  // cost, from the level at which it began to wait
    double owed{0};
    std::array<std::deque<Ticket>, k_lanes_count> waiting;
    std::size_t count{0};
  };
  struct LaneState {
    double pass{0};
    std::size_t count{0};
  };

  const Ticket* first_of_lane(std::size_t lane) const;
  const Ticket* owed_first() const;
  std::array<std::size_t, k_lanes_count> lanes_by_pass() const;
  Ticket pop(const Ticket& ticket);

  std::map<std::uint32_t, Tenant> tenants_;  // those that wait
  std::array<LaneState, k_lanes_count> lanes_{};
  std::size_t count_{0};
};

}  // namespace tomada::limit
