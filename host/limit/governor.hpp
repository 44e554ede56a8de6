// All budgets of the host: tasks wait here until their request may be sent.
#pragma once

#include "host/limit/budget.hpp"
#include "host/runtime/task.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tomada::limit {

inline constexpr std::size_t k_accounts_max = 10'000;  // in memory; the longest unused ones go

/// One budget and the tasks that wait for it. Thread-safe. Made by a Governor, shared by all who send for the account.
class Account : public std::enable_shared_from_this<Account> {
 public:
  Account(runtime::Loop& home, const Limits& declared);

  /// Waits, suspended, until the request may be sent. RATE_LIMITED with `retry_after`: that would be after the task's
  /// deadline, or k_waiting_max requests wait already. CANCELLED. A permit ends in done() or give_back().
  Result<Permit> acquire(runtime::Task& task, const Ask& ask);
  void done(const Permit& permit, const Signals& signals);
  void give_back(const Permit& permit);

  /// What one of those who share the account declares; where they differ, the smaller amount counts. Costs little when it
  /// is what the same one declared last.
  void declare(std::string_view config_id, const Limits& declared);
  /// A small number for a tenant, the same each time.
  std::uint32_t tenant(std::string_view tenant_id);

  /// For people, for what is kept, and for tests: under the account's lock.
  template <class F>
  auto with(F fn) {
    const std::lock_guard lock(mutex_);
    return fn(budget_, home_.clock().steady());
  }
  /// Ends its timer; for a governor that ends after its loops did.
  void stop();
  [[nodiscard]] Time used_at() const { return Time(Span(used_at_.load(std::memory_order_relaxed))); }

 private:
  struct Waiter;
  using Woken = std::vector<std::shared_ptr<Waiter>>;

  void collect(Time now, Woken& woken);
  void wake(const Woken& woken);
  void plan(Time now);
  void arm(Time at);
  void start_timer(Time at);
  void fire();
  Result<Permit> wait(runtime::Task& task, const Ask& ask, std::unique_lock<std::mutex> lock, Time now);

  runtime::Loop& home_;
  std::mutex mutex_;
  Budget budget_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Waiter>> waiters_;
  std::uint64_t next_number_{0};
  std::map<std::string, std::uint32_t, std::less<>> tenants_;
  std::map<std::string, Limits, std::less<>> declared_;  // by integration
  Time planned_{Time::max()};  // when the timer fires, or will when its loop has set it
  std::atomic<std::int64_t> used_at_{0};
  runtime::Timer timer_;  // on home_
  std::shared_ptr<Account> armed_;  // itself, while the timer runs: it must not be unlinked on another thread
};

/// Thread-safe. Outlives all tasks; the loops outlive it, and run no more when it ends.
class Governor {
 public:
  explicit Governor(std::vector<runtime::Loop*> loops) : loops_(std::move(loops)) {}
  ~Governor();
  Governor(const Governor&) = delete;
  Governor& operator=(const Governor&) = delete;

  /// The account of this name, made with these limits when there is none. `key` has the provider and what tells its accounts
  /// apart, never a secret in clear.
  struct Found {
    std::shared_ptr<Account> account;
    bool is_new{false};
  };
  Found account(std::string_view key, const Limits& declared);

 private:
  void make_room();

  std::vector<runtime::Loop*> loops_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Account>> accounts_;
};

}  // namespace tomada::limit
