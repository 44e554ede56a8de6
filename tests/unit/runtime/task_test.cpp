#include "host/runtime/task.hpp"

#include "host/runtime/blocking_pool.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace tomada::runtime {
namespace {

using namespace std::chrono_literals;

struct TaskTest : testing::Test {
  ManualClock clock;
  Loop loop{clock};

  void settle() {
    while (loop.run_ready()) {
    }
  }
  void advance(std::chrono::nanoseconds by) {
    clock.advance(by);
    settle();
  }
};

TEST_F(TaskTest, SleepsOnTheManualClock) {
  bool woke = false;
  spawn("sleeper", loop, Deadline::never(), [&](Task& task) { woke = sleep_for(task, 10s).has_value(); });
  settle();
  advance(9999ms);
  EXPECT_FALSE(woke);
  advance(1ms);
  EXPECT_TRUE(woke);
  EXPECT_EQ(loop.tasks_count(), 0u);
}

TEST_F(TaskTest, DeadlineEndsAWait) {
  std::optional<Errc> outcome;
  spawn("late", loop, Deadline::after(clock, 5s), [&](Task& task) {
    auto result = sleep_for(task, 10s);
    if (result.has_error()) outcome = result.error().code;
  });
  settle();
  advance(5s);
  EXPECT_EQ(outcome, Errc::deadline);
}

TEST_F(TaskTest, CancellationEndsThisWaitAndAllLaterOnes) {
  std::vector<Errc> outcomes;
  spawn("cancelled", loop, Deadline::never(), [&](Task& task) {
    for (int i = 0; i < 2; ++i) {
      auto result = sleep_for(task, 10s);
      if (result.has_error()) outcomes.push_back(result.error().code);
    }
  });
  settle();
  loop.cancel_tasks();
  settle();
  EXPECT_EQ(outcomes, (std::vector{Errc::cancelled, Errc::cancelled}));
}

TEST_F(TaskTest, AnUninterruptibleWaitOutlivesCancellation) {
  Wait* pending = nullptr;
  bool finished = false;
  spawn("stubborn", loop, Deadline::never(), [&](Task& task) {
    Wait wait(task);
    pending = &wait;
    finished = wait.wait(Interruptible::no).has_value();
  });
  settle();
  loop.cancel_tasks();
  settle();
  EXPECT_FALSE(finished);
  pending->wake();
  settle();
  EXPECT_TRUE(finished);
}

TEST_F(TaskTest, WakeBeforeWaitIsNotLost) {
  bool finished = false;
  spawn("early", loop, Deadline::never(), [&](Task& task) {
    Wait wait(task);
    wait.wake();
    finished = wait.wait().has_value();
  });
  settle();
  EXPECT_TRUE(finished);
}

TEST_F(TaskTest, TasksThatWaitInsideCatchKeepTheirOwnException) {
  constexpr int k_tasks_count = 64;
  int right = 0;
  for (int i = 0; i < k_tasks_count; ++i) {
    spawn("catcher", loop, Deadline::never(), [&right, i](Task& task) {
      for (int round = 0; round < 20; ++round) {
        try {
          try {
            throw std::runtime_error(std::to_string(i * 100 + round));
          } catch (const std::runtime_error&) {
            (void)sleep_for(task, 0ns);
            throw;  // rethrows whatever this thread believes is being handled
          }
        } catch (const std::runtime_error& e) {
          if (e.what() == std::to_string(i * 100 + round)) ++right;
        }
      }
    });
  }
  settle();
  EXPECT_EQ(right, k_tasks_count * 20);
}

TEST_F(TaskTest, AnExceptionEndsOnlyItsTask) {
  bool other = false;
  spawn("thrower", loop, Deadline::never(), [](Task&) { throw std::runtime_error("planted"); });
  spawn("other", loop, Deadline::never(), [&](Task&) { other = true; });
  settle();
  EXPECT_TRUE(other);
  EXPECT_EQ(loop.tasks_count(), 0u);
}

TEST_F(TaskTest, ManyWaitingTasksReuseTheirStacks) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2000; ++i)
      spawn("waiter", loop, Deadline::never(), [](Task& task) { (void)sleep_for(task, 1s); });
    settle();
    EXPECT_EQ(loop.stacks(k_stack_bytes_default).in_use_count(), 2000u);
    advance(1s);
    EXPECT_EQ(loop.stacks(k_stack_bytes_default).in_use_count(), 0u);
  }
}

TEST(RunBlocking, ReturnsTheValueOfTheOtherThread) {
  SystemClock clock;
  Loop loop(clock);
  BlockingPool pool({.threads_count = 2});
  const auto value = run(loop, [&](Task& task) {
    return run_blocking(task, pool, []() -> Result<std::thread::id> { return std::this_thread::get_id(); });
  });
  ASSERT_TRUE(value.has_value());
  EXPECT_NE(*value, std::this_thread::get_id());
}

TEST(RunBlocking, RefusesWhenTooMuchWaits) {
  SystemClock clock;
  Loop loop(clock);
  BlockingPool pool({.threads_count = 1, .waiting_max = 0});
  const auto value =
      run(loop, [&](Task& task) { return run_blocking(task, pool, []() -> Result<int> { return 1; }); });
  ASSERT_TRUE(value.has_error());
  EXPECT_EQ(value.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace tomada::runtime
