// One account, tasks on several threads: nobody is forgotten, and the bound holds.
#include "host/limit/governor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace tomada::limit {
namespace {

using namespace std::chrono_literals;

TEST(GovernorThreads, EveryWaiterOfEveryLoopIsServedAndTheBoundHolds) {
  constexpr std::size_t k_loops = 4, k_tasks = 64, k_requests = 100, k_bound = 3;
  const runtime::SystemClock clock;
  runtime::Loops loops(clock, k_loops);
  std::vector<runtime::Loop*> all;
  for (std::size_t i = 0; i < k_loops; ++i) all.push_back(&loops.at(i));
  {
    Governor governor(all);
    Limits limits;
    limits.pools[0].concurrency_max = k_bound;
    const auto account = governor.account("x/1", limits).account;
    std::atomic<std::size_t> under_way{0}, most{0}, served{0}, ended{0};
    std::promise<void> all_ended;
    loops.start();
    for (std::size_t i = 0; i < k_tasks; ++i) {
      runtime::Loop& loop = *all[i % k_loops];
      loop.post([&, i] {
        runtime::spawn("sender", loop, runtime::Deadline::never(), [&, i](runtime::Task& task) {
          for (std::size_t request = 0; request < k_requests; ++request) {
            const auto permit = account->acquire(task, {static_cast<Lane>(i % k_lanes_count), static_cast<std::uint32_t>(i % 7), 0, 1});
            ASSERT_TRUE(permit.has_value());
            const std::size_t now = ++under_way;
            for (std::size_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
            task.yield();
            ++served;
            --under_way;
            Signals ok;
            ok.status = 200;
            account->done(*permit, ok);
          }
          if (++ended == k_tasks) all_ended.set_value();
        });
      });
    }
    EXPECT_EQ(all_ended.get_future().wait_for(60s), std::future_status::ready);
    EXPECT_EQ(served, k_tasks * k_requests);
    EXPECT_LE(most, k_bound);
    EXPECT_EQ(account->with([](Budget& budget, Time) { return budget.waiting_count() + budget.in_flight_count(); }), 0u);
    loops.stop();
  }
}

TEST(GovernorThreads, StoppingTheLoopsEndsAllWhoWait) {
  const runtime::SystemClock clock;
  runtime::Loops loops(clock, 3);
  {
    Governor governor({&loops.at(0), &loops.at(1), &loops.at(2)});
    Limits limits;
    limits.pools[0].windows.push_back({"hour", 1, 3600s});
    const auto account = governor.account("x/1", limits).account;
    std::atomic<int> asked{0}, cancelled{0};
    loops.start();
    for (std::size_t i = 0; i < 30; ++i) {
      runtime::Loop& loop = loops.at(i);
      loop.post([&] {
        runtime::spawn("sender", loop, runtime::Deadline::never(), [&](runtime::Task& task) {
          ++asked;
          const auto permit = account->acquire(task, {});
          if (permit.has_error() && permit.error().code == Errc::cancelled) ++cancelled;
        });
      });
    }
    while (asked < 30) std::this_thread::yield();
    loops.stop();
    EXPECT_EQ(cancelled, 29);
  }
}

}  // namespace
}  // namespace tomada::limit
