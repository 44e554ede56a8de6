#include "host/limit/governor.hpp"

#include <algorithm>
#include <functional>

namespace tomada::limit {
namespace {

Error rate_limited(Time now, Time at, std::string_view why) {
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max<Span>(at - now, std::chrono::milliseconds(1)));
  Error error{Errc::rate_limited, std::string(why) + "; the account has room again in " + std::to_string(wait.count()) + " ms"};
  error.retry_after = wait;
  return error;
}

void add_smaller(PoolLimits& pool, const abi::WindowLimit& limit) {
  const auto same = std::find_if(pool.windows.begin(), pool.windows.end(),
                                 [&](const abi::WindowLimit& known) { return known.length == limit.length; });
  if (same == pool.windows.end()) pool.windows.push_back(limit);
  else if (limit.amount < same->amount) *same = limit;
}

}  // namespace

struct Account::Waiter {
  runtime::Loop* loop{};
  runtime::Wait* wait{};  // null when the task waits no more; of its loop's thread
  std::optional<Permit> permit;  // under the account's lock
};

Account::Account(runtime::Loop& home, const Limits& declared)
    : home_(home), budget_(declared, home.clock().steady()), timer_([this] { fire(); }) {}

Result<Permit> Account::acquire(runtime::Task& task, const Ask& ask) {
  const Time now = task.clock().steady();
  used_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  std::unique_lock lock(mutex_);
  if (auto permit = budget_.try_take(now, ask)) return *permit;
  return wait(task, ask, std::move(lock), now);
}

Result<Permit> Account::wait(runtime::Task& task, const Ask& ask, std::unique_lock<std::mutex> lock, Time now) {
  const Time at = budget_.room_at(now, ask);
  if (at > task.deadline().at()) return rate_limited(now, at, "the limit of this account is used up until after the call's deadline");
  const std::uint64_t number = ++next_number_;
  if (!budget_.wait(ask, number)) return rate_limited(now, at, "too many requests wait for this account");
  runtime::Wait wait(task);
  const auto waiter = std::make_shared<Waiter>(Waiter{&task.loop(), &wait, {}});
  waiters_.emplace(number, waiter);
  Woken woken;
  collect(now, woken);
  plan(now);
  lock.unlock();
  wake(woken);
  const auto waited = wait.wait();
  waiter->wait = nullptr;
  lock.lock();
  if (waited.has_value()) return *waiter->permit;
  const Time then = task.clock().steady();
  if (waiter->permit) budget_.give_back(then, *waiter->permit);
  else budget_.leave(ask, number);
  waiters_.erase(number);
  woken.clear();
  collect(then, woken);
  plan(then);
  const Time room = budget_.room_at(then, ask);
  lock.unlock();
  wake(woken);
  if (waited.error().code != Errc::deadline) return waited.error();
  return rate_limited(then, room, "the call's deadline passed while it waited for the limit of this account");
}

void Account::done(const Permit& permit, const Signals& signals) {
  const Time now = home_.clock().steady();
  Woken woken;
  {
    const std::lock_guard lock(mutex_);
    budget_.done(now, permit, signals);
    if (budget_.waiting_count() == 0) return;
    collect(now, woken);
    plan(now);
  }
  wake(woken);
}

void Account::give_back(const Permit& permit) {
  const Time now = home_.clock().steady();
  Woken woken;
  {
    const std::lock_guard lock(mutex_);
    budget_.give_back(now, permit);
    collect(now, woken);
    plan(now);
  }
  wake(woken);
}

void Account::declare(std::string_view config_id, const Limits& declared) {
  const std::lock_guard lock(mutex_);
  const auto known = declared_.find(config_id);
  if (known != declared_.end() && known->second == declared) return;
  declared_.insert_or_assign(std::string(config_id), declared);
  Limits all = declared;
  for (const auto& [other_id, other] : declared_)
    for (const abi::WindowLimit& limit : other.pools.front().windows) add_smaller(all.pools.front(), limit);
  if (!(budget_.declared() == all)) budget_.declare(all, home_.clock().steady());
}

std::uint32_t Account::tenant(std::string_view tenant_id) {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant_id);
  if (found != tenants_.end()) return found->second;
  return tenants_.emplace(std::string(tenant_id), static_cast<std::uint32_t>(tenants_.size())).first->second;
}

/// Locked.
void Account::collect(Time now, Woken& woken) {
  while (const auto admitted = budget_.next(now)) {
    const auto at = waiters_.find(admitted->number);
    if (at == waiters_.end()) continue;
    at->second->permit = admitted->permit;
    woken.push_back(std::move(at->second));
    waiters_.erase(at);
  }
}

/// Not locked: a task that is woken may run at once.
void Account::wake(const Woken& woken) {
  for (const auto& waiter : woken) {
    const auto resume = [waiter] {
      if (waiter->wait != nullptr) waiter->wait->wake();
    };
    if (waiter->loop->on_thread()) resume();
    else waiter->loop->post(resume);
  }
}

/// Locked. Sees to it that somebody looks again when the next one may have room.
void Account::plan(Time now) {
  const auto at = budget_.wake_at(now);
  if (!at || (planned_ > now && planned_ <= *at)) return;
  planned_ = *at;
  if (home_.on_thread()) start_timer(planned_);
  else home_.post([self = shared_from_this(), at = planned_] { self->arm(at); });
}

/// On home_.
void Account::arm(Time at) {
  const std::lock_guard lock(mutex_);
  if (at == planned_) start_timer(at);
}

/// Locked, on home_.
void Account::start_timer(Time at) {
  armed_ = shared_from_this();
  timer_.start(home_, at);
}

void Account::stop() {
  const std::shared_ptr<Account> self = std::move(armed_);
  timer_.cancel();
}

void Account::fire() {
  std::shared_ptr<Account> self;
  const Time now = home_.clock().steady();
  Woken woken;
  {
    const std::lock_guard lock(mutex_);
    self = std::move(armed_);
    planned_ = Time::max();
    collect(now, woken);
    plan(now);
  }
  wake(woken);
}

Governor::~Governor() {
  for (const auto& [key, account] : accounts_) account->stop();
}

Governor::Found Governor::account(std::string_view key, const Limits& declared) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(std::string(key));
  if (found != accounts_.end()) return {found->second, false};
  if (accounts_.size() >= k_accounts_max) make_room();
  const std::size_t loop = std::hash<std::string_view>{}(key) % loops_.size();
  auto account = std::make_shared<Account>(*loops_[loop], declared);
  accounts_.emplace(std::string(key), account);
  return {std::move(account), true};
}

/// A tenth of them at once, so that the search is seldom. Those in use stay: somebody else holds them as well.
void Governor::make_room() {
  std::vector<std::pair<Time, const std::string*>> idle;
  for (const auto& [key, account] : accounts_)
    if (account.use_count() == 1) idle.emplace_back(account->used_at(), &key);
  const std::size_t count = std::min(idle.size(), k_accounts_max / 10);
  std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count), idle.end());
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(*idle[i].second);
  for (const std::string& key : keys) accounts_.erase(key);
}

}  // namespace tomada::limit
