// http_bench BASE_URL ROUNDS REQUESTS CONCURRENCY: the CPU time of this process for one request, by bare libcurl and by
// a plugin through the C table, the service, the redirect and signing layers and libcurl; in turns, a b a b. The server
// is another process. Prints one line of JSON.
#include "tests/bench/bare_curl.hpp"
#include "tests/bench/bench_plugin.hpp"
#include "tests/bench/host_services.hpp"

#include <nlohmann/json.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace tomada::bench {
namespace {

double cpu_us_now() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) { return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec); };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

struct Sample {
  double cpu_us{};   // for one request
  double wall_us{};  // for one request
};

template <class F>
Sample sample(std::size_t requests_count, F&& run) {
  const double cpu = cpu_us_now();
  const auto wall = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - wall;
  const auto count = static_cast<double>(requests_count);
  return {(cpu_us_now() - cpu) / count, took.count() / count};
}

/// A plugin call for each of `concurrency`, all at once; together they send `requests_count`.
void run_plugin(runtime::Loop& loop, abi::Instance& instance, HostServices& host, const std::string& url,
                std::size_t requests_count, std::size_t concurrency) {
  const abi::SyncRequest request = work("requests", requests_count / concurrency, url);
  const auto deadline = runtime::Deadline::after(loop.clock(), std::chrono::minutes(10));
  std::size_t left_count = concurrency;
  for (std::size_t i = 0; i < concurrency; ++i) {
    runtime::spawn("bench", loop, deadline, [&](runtime::Task& task) {
      const auto services = host.make(task);
      expect(instance.sync(task, *services, request), "a plugin's requests");
      --left_count;
    }, instance.stack_bytes());
  }
  loop.run_until([&] { return left_count == 0; });
  while (loop.tasks_count() > 0) loop.run_ready();
}

double median(std::vector<Sample> samples, double Sample::* of) {
  std::sort(samples.begin(), samples.end(), [of](const Sample& a, const Sample& b) { return a.*of < b.*of; });
  const std::size_t half = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[half].*of : (samples[half - 1].*of + samples[half].*of) / 2;
}

int measure(const std::string& base_url, std::size_t rounds, std::size_t requests_count, std::size_t concurrency) {
  const std::string url = base_url + "/small";
  runtime::SystemClock clock;
  runtime::Loop loop(clock);
  const auto plugin = load_plugin();
  HostServices host(loop, plugin->manifest(), base_url);
  const auto instance = expect(abi::InProcessInstance::create(plugin, loop, "bench", "{}"), "the instance");
  BareCurl bare(url, "Bearer 0123456789abcdef0123456789abcdef", concurrency);

  const auto a = [&] { bare.run(requests_count); };
  const auto b = [&] { run_plugin(loop, *instance, host, url, requests_count, concurrency); };
  a();  // both open their connections and warm up
  b();
  std::vector<Sample> bare_samples;
  std::vector<Sample> plugin_samples;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < rounds; ++i) {
    bare_samples.push_back(sample(requests_count, a));
    plugin_samples.push_back(sample(requests_count, b));
    ratios.push_back(plugin_samples.back().cpu_us / bare_samples.back().cpu_us);
  }
  std::sort(ratios.begin(), ratios.end());
  const nlohmann::json line{{"bare_cpu_us", median(bare_samples, &Sample::cpu_us)},
                            {"plugin_cpu_us", median(plugin_samples, &Sample::cpu_us)},
                            {"ratio", ratios[ratios.size() / 2]},
                            {"ratio_min", ratios.front()},
                            {"ratio_max", ratios.back()},
                            {"bare_requests_per_second", 1e6 / median(bare_samples, &Sample::wall_us)},
                            {"plugin_requests_per_second", 1e6 / median(plugin_samples, &Sample::wall_us)},
                            {"rounds", rounds},
                            {"requests", requests_count},
                            {"concurrency", concurrency}};
  std::printf("%s\n", line.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace tomada::bench

int main(int count, char** words) {
  if (count != 5) tomada::bench::give_up("usage: http_bench BASE_URL ROUNDS REQUESTS CONCURRENCY");
  return tomada::bench::measure(words[1], std::stoul(words[2]), std::stoul(words[3]), std::stoul(words[4]));
}
