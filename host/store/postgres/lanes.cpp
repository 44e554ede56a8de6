#include "host/store/postgres/lanes.hpp"

#include "host/base/assert.hpp"

#include <algorithm>
#include <utility>

namespace tomada::store::postgres {

std::string lane_of(const Terms& terms) {
  if (terms.lane.empty()) return {};
  return std::string(terms.tenant_id).append("/").append(terms.lane);
}

bool Lanes::try_push(Work& work) {
  {
    const std::lock_guard lock(mutex_);
    TOMADA_ASSERT(!closed_);
    if (waiting_count_ >= waiting_max_) return false;
    ++waiting_count_;
    if (auto lane = lane_of(work.terms()); !lane.empty()) {
      const auto [place, is_first] = lanes_.try_emplace(std::move(lane));
      if (!is_first) {
        place->second.push_back(&work);
        return true;  // leave() wakes a thread for it
      }
    }
    ready_.push_back(&work);
  }
  changed_.notify_one();
  return true;
}

bool Lanes::take(std::vector<Work*>& taken, std::size_t count_max) {
  taken.clear();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !ready_.empty(); });
  if (ready_.empty()) return false;  // what waits behind others is taken by the threads that have those
  taken.push_back(ready_.front());
  ready_.pop_front();
  if (const auto lane = lane_of(taken.front()->terms()); !lane.empty()) {
    auto& behind = lanes_.at(lane);
    const auto count = static_cast<std::ptrdiff_t>(std::min(count_max - 1, behind.size()));
    taken.insert(taken.end(), behind.begin(), behind.begin() + count);
    behind.erase(behind.begin(), behind.begin() + count);
  }
  waiting_count_ -= taken.size();
  return true;
}

void Lanes::leave(const std::string& lane) {
  if (lane.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    const auto place = lanes_.find(lane);
    TOMADA_ASSERT(place != lanes_.end());
    if (place->second.empty()) {
      lanes_.erase(place);
      return;
    }
    ready_.push_back(place->second.front());
    place->second.pop_front();
  }
  changed_.notify_one();
}

void Lanes::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace tomada::store::postgres
