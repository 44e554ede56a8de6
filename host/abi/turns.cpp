#include "host/abi/turns.hpp"

namespace tomada::abi {
namespace {

constexpr std::size_t k_waiting_max = 10'000;

}  // namespace

Result<Turns::Turn> Turns::take(runtime::Task& task) {
  ++calls_count_;
  if (auto waited = serial_ ? wait(task) : Result<void>(); waited.has_error()) {
    --calls_count_;
    return std::move(waited).error();
  }
  Turn turn(this);
  TOMADA_TRY(task.check());
  return turn;
}

Result<void> Turns::wait(runtime::Task& task) {
  if (!std::exchange(busy_, true)) return {};
  if (waiting_.size() >= k_waiting_max)
    return fail(Errc::unavailable, "10,000 calls of this integration wait for their turn already");
  Waiting mine(task);
  waiting_.push_back(mine);
  auto result = mine.wait.wait();
  // On an error the turn was not given: wake() and the error exclude each other.
  if (result.has_error()) waiting_.erase(waiting_.iterator_to(mine));
  return result;
}

void Turns::give() {
  --calls_count_;
  if (!serial_) return;
  if (waiting_.empty()) {
    busy_ = false;
    return;
  }
  Waiting& next = waiting_.front();
  waiting_.pop_front();
  next.wait.wake();  // `busy_` stays: the turn is handed over
}

}  // namespace tomada::abi
