#include "host/limit/queue.hpp"

#include <algorithm>
#include <limits>

namespace tomada::limit {
namespace {

constexpr std::array<double, k_lanes_count> k_weights{64, 16, 4, 1};
constexpr double k_owed_share = 0.58;  // a half, and what is lost while a tenant sends and does not wait

}  // namespace

void Queue::push(const Ticket& ticket) {
  const auto lane = static_cast<std::size_t>(ticket.lane);
  if (count_ == 0) lanes_ = {};
  const auto [at, is_new] = tenants_.try_emplace(ticket.tenant);
  Tenant& tenant = at->second;
  if (is_new) {  // begins level with the one that has had least, so that a pause is no credit
    double least = std::numeric_limits<double>::max();
    for (const auto& [number, other] : tenants_)
      if (number != ticket.tenant) least = std::min(least, other.served);
    tenant.served = tenants_.size() > 1 ? least : 0;
  }
  if (lanes_[lane].count == 0) {
    double least = std::numeric_limits<double>::max();
    for (const LaneState& other : lanes_)
      if (other.count > 0) least = std::min(least, other.pass);
    if (count_ > 0) lanes_[lane].pass = std::max(lanes_[lane].pass, least);
  }
  tenant.waiting[lane].push_back(ticket);
  ++tenant.count;
  ++lanes_[lane].count;
  ++count_;
}

bool Queue::remove(const Ticket& ticket) {
  const auto at = tenants_.find(ticket.tenant);
  if (at == tenants_.end()) return false;
  const auto lane = static_cast<std::size_t>(ticket.lane);
  auto& waiting = at->second.waiting[lane];
  const auto found = std::find_if(waiting.begin(), waiting.end(), [&](const Ticket& other) { return other.number == ticket.number; });
  if (found == waiting.end()) return false;
  waiting.erase(found);
  --lanes_[lane].count;
  --count_;
  if (--at->second.count == 0) tenants_.erase(at);
  return true;
}

const Ticket* Queue::first_of_lane(std::size_t lane) const {
  const Ticket* first = nullptr;
  double least = std::numeric_limits<double>::max();
  for (const auto& [number, tenant] : tenants_) {
    if (tenant.waiting[lane].empty() || tenant.served >= least) continue;
    least = tenant.served;
    first = &tenant.waiting[lane].front();
  }
  return first;
}

const Ticket* Queue::owed_first() const {
  const Tenant* most = nullptr;
  for (const auto& [number, tenant] : tenants_)
    if (tenant.owed >= 1 && (most == nullptr || tenant.owed > most->owed)) most = &tenant;
  if (most == nullptr) return nullptr;
  for (const auto& waiting : most->waiting)
    if (!waiting.empty()) return &waiting.front();
  return nullptr;
}

std::array<std::size_t, k_lanes_count> Queue::lanes_by_pass() const {
  std::array<std::size_t, k_lanes_count> order{0, 1, 2, 3};
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lanes_[a].pass < lanes_[b].pass; });
  return order;
}

std::optional<Ticket> Queue::take(const std::function<bool(const Ticket&, Lane as)>& fits) {
  if (const Ticket* const owed = owed_first(); owed != nullptr && fits(*owed, Lane::interactive)) return pop(*owed);
  const bool urgent_wait = count(Lane::interactive) + count(Lane::webhook) > 0;
  for (const std::size_t lane : lanes_by_pass()) {
    if (lanes_[lane].count == 0) continue;
    const Ticket* const first = first_of_lane(lane);
    if (fits(*first, urgent_wait ? Lane::interactive : first->lane)) return pop(*first);
  }
  return std::nullopt;
}

/// Out of the queue, and on the account of its lane and its tenant.
Ticket Queue::pop(const Ticket& of) {
  const Ticket ticket = of;
  const auto lane = static_cast<std::size_t>(ticket.lane);
  const double part = k_owed_share * ticket.cost / static_cast<double>(tenants_.size());
  for (auto& [number, tenant] : tenants_) tenant.owed += part;
  Tenant& tenant = tenants_.at(ticket.tenant);
  tenant.owed = std::max(tenant.owed - ticket.cost, -ticket.cost);
  tenant.served += ticket.cost;
  lanes_[lane].pass += ticket.cost / k_weights[lane];
  (void)remove(ticket);
  return ticket;
}

void Queue::for_each_first(const std::function<void(const Ticket&)>& fn) const {
  for (std::size_t lane = 0; lane < k_lanes_count; ++lane)
    if (lanes_[lane].count > 0) fn(*first_of_lane(lane));
}

}  // namespace tomada::limit
