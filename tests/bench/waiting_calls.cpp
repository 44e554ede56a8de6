// waiting_calls COUNT clock|host: that many plugin calls wait at once in a service (an hour's sleep); prints what they
// cost in memory and how fast they came to be, as one line of JSON. One process for each measurement.
#include "tests/bench/bench_plugin.hpp"
#include "tests/bench/host_services.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

namespace tomada::bench {
namespace {

struct Memory {
  double resident_mib{};
  double heap_mib{};       // of it: the C library's heap
  double anonymous_mib{};  // of it: other anonymous memory; what the calls add there are stacks
  double page_tables_mib{};
  std::size_t mappings_count{};
};

double mib_of(const std::string& line) { return std::stod(line.substr(line.find(':') + 1)) / 1024; }

Memory memory_now() {
  Memory memory;
  std::ifstream smaps("/proc/self/smaps");
  enum class Kind { heap, anonymous, other } kind = Kind::other;
  for (std::string line; std::getline(smaps, line);) {
    if (line.find(':') == std::string::npos || line.find('-') < line.find(' ')) {  // "55d0-55e1 rw-p 0000 00:00 0 [heap]"
      ++memory.mappings_count;
      char name[256] = "";
      (void)std::sscanf(line.c_str(), "%*s %*s %*s %*s %*s %255s", name);
      kind = std::strcmp(name, "[heap]") == 0 ? Kind::heap : name[0] == '\0' ? Kind::anonymous : Kind::other;
    } else if (line.rfind("Rss:", 0) == 0) {
      memory.resident_mib += mib_of(line);
      if (kind == Kind::heap) memory.heap_mib += mib_of(line);
      if (kind == Kind::anonymous) memory.anonymous_mib += mib_of(line);
    }
  }
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmPTE:", 0) == 0) memory.page_tables_mib = mib_of(line);
  return memory;
}

int measure(std::size_t count, bool with_host) {
  runtime::SystemClock clock;
  runtime::Loop loop(clock);
  const auto plugin = load_plugin();
  std::optional<HostServices> host;
  if (with_host) host.emplace(loop, plugin->manifest(), "http://127.0.0.1:1");
  const auto instance = expect(abi::InProcessInstance::create(plugin, loop, "bench", "{}"), "the instance");
  const abi::SyncRequest request = work("hours", 1);
  const auto deadline = runtime::Deadline::after(clock, std::chrono::hours(2));
  std::size_t ended_count = 0;
  const auto start = [&] {
    runtime::spawn("bench", loop, deadline, [&](runtime::Task& task) {
      ClockServices alone(task);
      std::unique_ptr<abi::Services> hosted;
      if (host) hosted = host->make(task);
      const auto result = instance->sync(task, hosted ? *hosted : static_cast<abi::Services&>(alone), request);
      if (result.has_value() || result.error().code != Errc::cancelled) give_up("a call did not wait");
      ++ended_count;
    }, instance->stack_bytes());
  };

  const Memory before = memory_now();
  const auto started = clock.steady();
  for (std::size_t i = 0; i < count; ++i) start();
  loop.run_until([&] { return instance->calls_count() == count; });
  while (loop.run_ready()) {}
  const std::chrono::duration<double> took = clock.steady() - started;
  const Memory after = memory_now();

  loop.cancel_tasks();
  loop.run_until([&] { return ended_count == count && loop.tasks_count() == 0; });

  const double each = 1024 / static_cast<double>(count);
  const nlohmann::json line{{"calls", count},
                            {"services", with_host ? "host" : "clock"},
                            {"rss_mib", after.resident_mib},
                            {"rss_added_mib", after.resident_mib - before.resident_mib},
                            {"stack_kib_each", (after.anonymous_mib - before.anonymous_mib) * each},
                            {"heap_kib_each", (after.heap_mib - before.heap_mib) * each},
                            {"page_tables_mib", after.page_tables_mib},
                            {"mappings_added", after.mappings_count - before.mappings_count},
                            {"calls_per_second", static_cast<double>(count) / took.count()}};
  std::printf("%s\n", line.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace tomada::bench

int main(int count, char** words) {
  if (count != 3 || (std::strcmp(words[2], "clock") != 0 && std::strcmp(words[2], "host") != 0))
    tomada::bench::give_up("usage: waiting_calls COUNT clock|host");
  return tomada::bench::measure(std::stoul(words[1]), std::strcmp(words[2], "host") == 0);
}
