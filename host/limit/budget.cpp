#include "host/limit/budget.hpp"

#include <algorithm>

namespace tomada::limit {
namespace {

constexpr Span k_rtt_memory = std::chrono::seconds(60);

}  // namespace

Budget::Budget(const Limits& declared, Time now) { declare(declared, now); }

void Budget::declare(const Limits& declared, Time now) {
  for (std::size_t i = 0; i < declared.pools.size(); ++i) {
    if (i < pools_.size()) pools_[i].declare(declared.pools[i], now);
    else pools_.emplace_back(declared.pools[i], now);
  }
  // A pool that is no longer declared may have requests under way and waiting: it stays, without limits of its own.
  for (std::size_t i = declared.pools.size(); i < pools_.size(); ++i) pools_[i].declare({}, now);
  queues_.resize(pools_.size());
  declared_ = declared;
}

Time Budget::room_at(Time now, const Ask& ask) {
  Time at = pools_.front().room_at(now, ask.lane, ask.cost);
  if (ask.pool != 0) at = std::max(at, pools_[ask.pool].room_at(now, ask.lane, ask.cost));
  return at;
}

void Budget::take(Time now, const Ask& ask) {
  pools_.front().sent(now, ask.lane, ask.cost);
  if (ask.pool != 0) pools_[ask.pool].sent(now, ask.lane, ask.cost);
}

std::optional<Permit> Budget::try_take(Time now, const Ask& ask) {
  if (waiting_count_ > 0 || room_at(now, ask) > now) return std::nullopt;
  take(now, ask);
  return Permit{ask, {now, ask.cost}};
}

bool Budget::wait(const Ask& ask, std::uint64_t number) {
  if (waiting_count_ >= k_waiting_max) return false;
  queues_[ask.pool].push({number, ask.lane, ask.tenant, ask.cost});
  ++waiting_count_;
  return true;
}

void Budget::leave(const Ask& ask, std::uint64_t number) {
  if (queues_[ask.pool].remove({number, ask.lane, ask.tenant, ask.cost})) --waiting_count_;
}

std::optional<Budget::Admitted> Budget::next(Time now) {
  if (waiting_count_ == 0) return std::nullopt;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    const std::size_t pool = (turn_ + i) % queues_.size();
    if (queues_[pool].empty()) continue;
    const auto ask_of = [&](const Ticket& ticket) { return Ask{ticket.lane, ticket.tenant, pool, ticket.cost}; };
    const auto ticket = queues_[pool].take([&](const Ticket& candidate, Lane as) {
      return room_at(now, Ask{as, candidate.tenant, pool, candidate.cost}) <= now;
    });
    if (!ticket) continue;
    --waiting_count_;
    turn_ = pool + 1;
    const Ask ask = ask_of(*ticket);
    take(now, ask);
    return Admitted{ticket->number, {ask, {now, ask.cost}}};
  }
  return std::nullopt;
}

std::optional<Time> Budget::wake_at(Time now) {
  std::optional<Time> earliest;
  for (std::size_t pool = 0; pool < queues_.size(); ++pool)
    queues_[pool].for_each_first([&](const Ticket& ticket) {
      const Time at = room_at(now, {ticket.lane, ticket.tenant, pool, ticket.cost});
      earliest = std::min(earliest.value_or(at), at);
    });
  return earliest;
}

void Budget::done(Time now, const Permit& permit, const Signals& signals) {
  if (signals.status != 0) note_rtt(now, now - permit.sent.at);
  // The fastest way there and the fastest way back seldom meet in one answer.
  const Span fastest = rtt_min_ * 3 / 4;
  Pool& own = pools_[permit.ask.pool];
  if (permit.ask.pool != 0) {
    // What an answer says about limits is said of its own pool; to the account it is only an answer.
    Signals plain;
    plain.status = signals.throttled ? 0 : signals.status;
    pools_.front().done(now, permit.sent, plain, fastest);
  }
  own.done(now, permit.sent, signals, fastest);
}

void Budget::give_back(Time now, const Permit& permit) {
  pools_.front().give_back(now, permit.sent);
  if (permit.ask.pool != 0) pools_[permit.ask.pool].give_back(now, permit.sent);
}

/// The fastest answer of the last one to two minutes.
void Budget::note_rtt(Time now, Span rtt) {
  if (now - rtt_began_ > k_rtt_memory) {
    rtt_min_ = rtt_next_ == Span::max() ? rtt : rtt_next_;
    rtt_next_ = Span::max();
    rtt_began_ = now;
  }
  rtt_next_ = std::min(rtt_next_, rtt);
  rtt_min_ = std::min(rtt_min_, rtt);
}

std::size_t Budget::waiting_count(Lane lane) const {
  std::size_t count = 0;
  for (const Queue& queue : queues_) count += queue.count(lane);
  return count;
}

std::vector<LimitView> Budget::view(Time now) {
  std::vector<LimitView> views;
  for (Pool& pool : pools_) pool.view(now, views);
  return views;
}

}  // namespace tomada::limit
