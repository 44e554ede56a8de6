// What a plugin call costs beyond the plugin's own work: a call that returns at once, and a service that suspends it.
#include "tests/bench/bench_plugin.hpp"

#include "host/abi/host_table.hpp"

#include <tomada/plugin.h>

#include <benchmark/benchmark.h>

namespace tomada::bench {
namespace {

constexpr std::size_t k_batch_count = 256;

void ended(std::exception_ptr error) {
  if (error) give_up("a coroutine threw");
}

struct Bench {
  runtime::SystemClock clock;
  runtime::Loop loop{clock};
  std::shared_ptr<abi::LoadedPlugin> plugin{load_plugin()};
  std::unique_ptr<abi::Instance> instance{
      expect(abi::InProcessInstance::create(plugin, loop, "bench", "{}"), "the instance")};
  // As every call of the host has one.
  runtime::Deadline deadline{runtime::Deadline::after(clock, std::chrono::hours(1))};

  /// One call from nothing to its end: a task on a pooled stack, the handle, the plugin's function, and back.
  void start_call() {
    runtime::spawn("bench", loop, deadline, [this](runtime::Task& task) {
      ClockServices services(task);
      expect(instance->test_connection(task, services), "a call");
    }, instance->stack_bytes());
  }
};

void direct_c_call(benchmark::State& state) {
  Bench bench;
  void* instance = nullptr;
  std::uint64_t why_len = 0;
  const tomada_create_args args{sizeof(tomada_create_args), 0, {}, {"{}", 2}};
  const tomada_plugin& table = bench.plugin->table();
  if (table.create(&abi::host_table(), &args, &instance, nullptr, 0, &why_len) != TOMADA_OK) give_up("create");
  for (auto _ : state) {
    const tomada_plugin* through = &table;
    benchmark::DoNotOptimize(through);
    benchmark::DoNotOptimize(through->test_connection(instance, 1));
  }
  table.destroy(instance);
}
BENCHMARK(direct_c_call);

/// The yardstick of coroutine_call: Asio's own coroutine on the same pooled stack, which does nothing.
void bare_coroutine(benchmark::State& state) {
  Bench bench;
  const runtime::StackAllocator stacks{&bench.loop.stacks(runtime::k_stack_bytes_default)};
  while (state.KeepRunningBatch(k_batch_count)) {
    bench.loop.post([&] {
      for (std::size_t i = 0; i < k_batch_count; ++i)
        boost::asio::spawn(bench.loop.io().get_executor(), std::allocator_arg, stacks,
                           [](runtime::Yield yield) { benchmark::DoNotOptimize(&yield); }, ended);
    });
    while (bench.loop.run_ready()) {}
  }
}
BENCHMARK(bare_coroutine);

/// Started by something that runs on the loop already, as the job runner does.
void coroutine_call(benchmark::State& state) {
  Bench bench;
  while (state.KeepRunningBatch(k_batch_count)) {
    bench.loop.post([&] {
      for (std::size_t i = 0; i < k_batch_count; ++i) bench.start_call();
    });
    while (bench.loop.run_ready()) {}
  }
}
BENCHMARK(coroutine_call);

/// The same, each from its own handler of the loop.
void coroutine_call_posted(benchmark::State& state) {
  Bench bench;
  while (state.KeepRunningBatch(k_batch_count)) {
    for (std::size_t i = 0; i < k_batch_count; ++i) bench.loop.post([&] { bench.start_call(); });
    while (bench.loop.run_ready()) {}
  }
}
BENCHMARK(coroutine_call_posted);

/// The yardstick of suspending_service_call: Asio's own coroutines, each of which posts itself.
void bare_suspension(benchmark::State& state) {
  Bench bench;
  const runtime::StackAllocator stacks{&bench.loop.stacks(runtime::k_stack_bytes_default)};
  const auto coroutines = static_cast<std::size_t>(state.range(0));
  const std::size_t turns = 8192 / coroutines;
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(turns * coroutines))) {
    for (std::size_t i = 0; i < coroutines; ++i) {
      boost::asio::spawn(bench.loop.io().get_executor(), std::allocator_arg, stacks, [&](runtime::Yield yield) {
        for (std::size_t turn = 0; turn < turns; ++turn) boost::asio::post(bench.loop.io(), yield);
      }, ended);
    }
    while (bench.loop.run_ready()) {}
  }
}
BENCHMARK(bare_suspension)->Arg(1)->Arg(64);

/// `calls` plugin calls at once; each asks for sleep_ms(0) again and again. Time for one such service call: through
/// the C table, suspended, the loop's next handler, resumed.
void suspending_service_call(benchmark::State& state) {
  Bench bench;
  const auto calls = static_cast<std::size_t>(state.range(0));
  const std::size_t turns = 8192 / calls;
  const abi::SyncRequest request = work("turns", turns);
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(turns * calls))) {
    for (std::size_t i = 0; i < calls; ++i) {
      runtime::spawn("bench", bench.loop, bench.deadline, [&](runtime::Task& task) {
        ClockServices services(task);
        expect(bench.instance->sync(task, services, request), "a call");
      }, bench.instance->stack_bytes());
    }
    while (bench.loop.run_ready()) {}
  }
}
BENCHMARK(suspending_service_call)->Arg(1)->Arg(64);

}  // namespace
}  // namespace tomada::bench

BENCHMARK_MAIN();
