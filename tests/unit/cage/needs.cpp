#include "tests/unit/cage/attempts.hpp"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace tomada::cage_test {
namespace {

bool large_allocation() {
  constexpr std::size_t k_bytes = 64 * 1024 * 1024;
  auto* const memory = static_cast<volatile char*>(std::malloc(k_bytes));
  if (memory == nullptr) return false;
  for (std::size_t i = 0; i < k_bytes; i += 4096) memory[i] = 1;
  std::free(const_cast<char*>(memory));
  return true;
}

bool exception() {
  try {
    std::vector<int>().at(1);
  } catch (const std::out_of_range& e) {
    return std::string(e.what()).find("range_check") != std::string::npos;
  }
  return false;
}

bool number_format() {
  char text[64];
  std::snprintf(text, sizeof text, "%f %.3Lg", 1.5, 2.25L);
  std::printf("%f\n", 1.5);
  return std::string(text) == "1.500000 2.25" && std::fflush(stdout) == 0;
}

bool dates() {
  const std::time_t time = 1767225600;
  std::tm utc{}, local{};
  ::gmtime_r(&time, &utc);
  ::localtime_r(&time, &local);
  return utc.tm_year == 126 && local.tm_hour == utc.tm_hour;
}

bool random_bytes() {
  unsigned long value = 0;
  return ::getrandom(&value, sizeof value, 0) == sizeof value;
}

bool clocks() {
  const auto before = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::microseconds(50));
  return std::chrono::steady_clock::now() > before && std::clock() != -1 && std::time(nullptr) > 1'700'000'000;
}

bool sorting() {
  std::vector<int> values(100'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(values.size() - i);
  std::stable_sort(values.begin(), values.end());
  std::qsort(values.data(), values.size(), sizeof(int), [](const void* a, const void* b) {
    return *static_cast<const int*>(b) - *static_cast<const int*>(a);
  });
  return values.front() == 100'000 && std::isfinite(std::pow(2.0, 0.5));
}

}  // namespace

std::string need_all() {
  std::string text;
  const auto need = [&](const char* name, bool (*works)()) { text += name + std::string(works() ? " works\n" : " FAILS\n"); };
  need("large_allocation", large_allocation);
  need("exception", exception);
  need("number_format", number_format);
  need("dates", dates);
  need("random_bytes", random_bytes);
  need("clocks", clocks);
  need("sorting", sorting);
  return text;
}

int start_threads(int wanted) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::vector<std::thread> threads;
  try {
    for (int i = 0; i < wanted; ++i)
      threads.emplace_back([&] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return done; });
      });
  } catch (const std::system_error&) {
    // The limit: those that run are the answer.
  }
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

}  // namespace tomada::cage_test
