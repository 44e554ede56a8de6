#include "host/runtime/loop.hpp"

#include "host/runtime/task.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

namespace tomada::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Timer, FiresInOrderOfTimeAndNotBefore) {
  ManualClock clock;
  Loop loop(clock);
  std::string order;
  Timer second([&] { order += 'b'; }), first([&] { order += 'a'; }), never([&] { order += 'c'; });
  second.start(loop, clock.steady() + 2s);
  first.start(loop, clock.steady() + 1s);
  never.start(loop, clock.steady() + 1s);
  never.cancel();
  loop.run_ready();
  EXPECT_EQ(order, "");
  clock.advance(3s);
  loop.run_ready();
  EXPECT_EQ(order, "ab");
}

TEST(Loop, RealTimersFire) {
  SystemClock clock;
  Loop loop(clock);
  bool fired = false;
  Timer far([] {}), near([&] { fired = true; });
  far.start(loop, clock.steady() + 1h);
  near.start(loop, clock.steady() + 2ms);
  loop.run_until([&] { return fired; });
  EXPECT_TRUE(fired);
}

TEST(Loops, StopCancelsAndWaitsForEveryTask) {
  SystemClock clock;
  Loops loops(clock, 2);
  loops.start();
  std::atomic<int> started{0}, cancelled{0};
  for (std::size_t i = 0; i < 100; ++i) {
    Loop& loop = loops.at(i);
    loop.post([&loop, &started, &cancelled] {
      spawn("waiter", loop, Deadline::never(), [&](Task& task) {
        ++started;
        if (sleep_for(task, 1h).has_error()) ++cancelled;
      });
    });
  }
  while (started < 100) std::this_thread::yield();
  loops.stop();
  EXPECT_EQ(cancelled, 100);
}

}  // namespace
}  // namespace tomada::runtime
