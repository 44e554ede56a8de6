// What the limits cost a request that need not wait: the decision and its settlement, for an account with every kind of limit.
#include "host/limit/governor.hpp"

#include <benchmark/benchmark.h>

namespace tomada::limit {
namespace {

using namespace std::chrono_literals;

/// A second, a minute, an hour and a day, none of which is ever used up here.
Limits four_windows() {
  Limits limits;
  limits.pools[0].windows = {{"second", 1e9, 1s}, {"minute", 1e9, 60s}, {"hour", 1e9, 3600s}, {"day", 1e9, 86400s}};
  return limits;
}

/// Account::acquire() without a wait, and done(): what each request pays. The clock is the system's, as in production.
void decide(benchmark::State& state, const Limits& limits) {
  const runtime::SystemClock clock;
  runtime::Loop loop(clock);
  Governor governor({&loop});
  const auto account = governor.account("bench", limits).account;
  Signals ok;
  ok.status = 200;
  runtime::run(loop, [&](runtime::Task& task) {
    for (auto step : state) {
      (void)step;
      auto permit = account->acquire(task, {Lane::backfill, 0, 0, 1});
      benchmark::DoNotOptimize(permit);
      account->done(*permit, ok);
    }
    return 0;
  });
}

void decision_one_window(benchmark::State& state) {
  Limits limits;
  limits.pools[0].windows = {{"interval", 1e9, 10s}};
  decide(state, limits);
}
void decision_four_windows(benchmark::State& state) { decide(state, four_windows()); }

/// The decision alone: what stands between a request and the wire.
void decision_alone_four_windows(benchmark::State& state) {
  const runtime::SystemClock clock;
  runtime::Loop loop(clock);
  Governor governor({&loop});
  const auto account = governor.account("bench", four_windows()).account;
  runtime::run(loop, [&](runtime::Task& task) {
    for (auto step : state) {
      (void)step;
      benchmark::DoNotOptimize(account->acquire(task, {Lane::backfill, 0, 0, 1}));
    }
    return 0;
  });
}

/// The yardstick: a reading of the clock and a mutex, which no decision can do without.
void clock_and_mutex(benchmark::State& state) {
  const runtime::SystemClock clock;
  std::mutex mutex;
  for (auto step : state) {
    (void)step;
    const std::lock_guard lock(mutex);
    benchmark::DoNotOptimize(clock.steady());
  }
}

BENCHMARK(decision_one_window);
BENCHMARK(decision_four_windows);
BENCHMARK(decision_alone_four_windows);
BENCHMARK(clock_and_mutex);

}  // namespace
}  // namespace tomada::limit

BENCHMARK_MAIN();
