// What the benchmarks in C++ share: the bench plugin loaded, and the least that a call needs of services.
#pragma once

#include "host/abi/in_process_instance.hpp"
#include "host/abi/services.hpp"
#include "host/runtime/task.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tomada::bench {

/// Ends the program with a sentence: a benchmark that went wrong has no result.
[[noreturn]] void give_up(std::string_view what);
void expect(const Result<void>& result, std::string_view what);
template <class T>
T expect(Result<T> result, std::string_view what) {
  if (result.has_error()) give_up(std::string(what) + ": " + result.error().message);
  return *std::move(result);
}

/// The plugin as the host loads it.
std::shared_ptr<abi::LoadedPlugin> load_plugin();

/// A sync() of the bench plugin: what it does, how often, where.
abi::SyncRequest work(std::string_view kind, std::size_t count, std::string_view url = {});

/// Clock and nothing else: what is left is the path through abi/ and runtime/.
class ClockServices : public abi::Services {
 public:
  explicit ClockServices(runtime::Task& task) : task_(task) {}

  Result<void> check() override { return task_.check(); }
  std::chrono::milliseconds remaining() override { return task_.deadline().remaining(task_.clock()); }
  void log(abi::LogLevel, std::string_view) override {}
  std::int64_t now_ms() override { return task_.clock().unix_ms(); }
  Result<void> sleep(std::chrono::milliseconds duration) override { return runtime::sleep_for(task_, duration); }
  Result<std::unique_ptr<abi::HttpExchange>> http_open(abi::HttpRequest) override { return none(); }
  Result<void> upsert(std::string_view, const abi::RecordView&) override { return none(); }
  Result<void> remove(std::string_view, std::string_view, std::int64_t) override { return none(); }
  void refuse_record(std::string_view) override {}
  Result<void> checkpoint(std::string_view) override { return none(); }
  Result<void> complete(std::string_view, std::string_view) override { return none(); }
  Result<void> progress(std::uint64_t, std::uint64_t) override { return none(); }
  Result<std::string> storage_get(std::string_view) override { return none(); }
  Result<void> storage_put(std::string_view, std::string_view) override { return none(); }
  Result<void> storage_remove(std::string_view) override { return none(); }
  Result<std::string_view> credential(std::string_view) override { return none(); }
  bool has_credential(std::string_view) override { return false; }
  std::vector<std::string> credential_fields() override { return {}; }
  void misbehaved(std::string_view what) override { give_up(what); }

 private:
  static Error none() { return fail(Errc::unsupported, "not a service of this benchmark"); }
  runtime::Task& task_;
};

}  // namespace tomada::bench
