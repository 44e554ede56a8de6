// What the store tests stand on: a store from a factory, a loop to drive it, and rows to put into it.
#pragma once

#include "host/base/uuid.hpp"
#include "host/runtime/task.hpp"
#include "host/store/store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace tomada::store::testing {

/// A folder that goes with the test.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A store, and what must outlive it.
struct OpenedStore {
  std::shared_ptr<void> home;
  std::unique_ptr<Store> store;
};
/// One implementation of the store; `open` gives an empty one, which may use the folder.
struct StoreFactory {
  std::string name;
  std::function<Result<OpenedStore>(const std::filesystem::path& folder)> open;
};
/// In the names of tests.
inline void PrintTo(const StoreFactory& factory, std::ostream* out) { *out << factory.name; }
/// All that the suite judges.
std::vector<StoreFactory> store_factories();

inline constexpr std::int64_t k_now_ms = 1'767'225'600'000;

std::string new_id();

/// Runs `fn(task)` on a loop of its own and returns its value.
template <class F>
auto on_loop(F fn) {
  static const runtime::SystemClock clock;
  runtime::Loop loop(clock);
  return runtime::run(loop, std::move(fn));
}

/// Runs `fn(task, index)` in `count` tasks at the same time; returns what each returned.
template <class F>
auto on_loop_at_once(std::size_t count, F fn) {
  static const runtime::SystemClock clock;
  runtime::Loop loop(clock);
  std::vector<std::invoke_result_t<F&, runtime::Task&, std::size_t>> results;
  for (std::size_t i = 0; i < count; ++i)
    runtime::spawn("one of many", loop, runtime::Deadline::never(),
                   [&, i](runtime::Task& task) { results.push_back(fn(task, i)); });
  loop.run_until([&] { return results.size() == count; });
  return results;
}

/// The value, or a failed test with the error's text.
template <class T>
T value_of(Result<T> result) {
  if (result.has_error()) {
    ADD_FAILURE() << to_string(result.error().code) << ": " << result.error().message;
    if constexpr (!std::is_void_v<T>) return T{};
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

template <class T>
Errc code_of(const Result<T>& result) {
  EXPECT_TRUE(result.has_error()) << "it succeeded";
  return result.has_error() ? result.error().code : Errc::internal;
}

// Each runs one function of the store and expects that it succeeds.
Tenant add_tenant(Store& store, std::string name);
Integration add_integration(Store& store, const std::string& tenant_id, std::string provider = "aws-s3");
Sync add_sync(Store& store, const Integration& integration);
Job lease_one(Store& store, std::int64_t now_ms = k_now_ms, std::int64_t lease_ms = 60'000);
PageOutcome commit(Store& store, const Page& page);
std::vector<StoredRecord> changes(Store& store, const Integration& integration, std::string_view entity = {},
                                  std::int64_t after_sequence = 0, std::size_t limit = 1000);
std::int64_t count(Store& store, const Integration& integration, std::string_view entity = {});

/// A verified event that is due at once.
NewWebhook new_webhook(const Integration& integration, std::string event_id, std::string subject = {},
                       std::int64_t received_at_ms = k_now_ms);
/// Returns its id.
AcceptedWebhook accept(Store& store, const NewWebhook& event);
App add_app(Store& store, const std::string& tenant_id, bool is_shared = false);

RecordChange upsert(std::string external_id, std::string data_json, std::int64_t updated_at_ms = 0,
                    std::string entity = "object");
RecordChange deletion(std::string external_id, std::int64_t updated_at_ms = 0, std::string entity = "object");
Page page_of(const Integration& integration, std::vector<RecordChange> changes);

/// A store with one tenant and one integration of it.
class StoreTest : public ::testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override;
  [[nodiscard]] Store& store() { return *opened_.store; }

  TempFolder folder;
  Tenant tenant;
  Integration integration;

 private:
  OpenedStore opened_;
};

/// Names each instance after its implementation: Each/RecordsTest.ANewRecordKeepsEveryField/sqlite.
#define TOMADA_STORE_SUITE(Suite)                                                                       \
  INSTANTIATE_TEST_SUITE_P(Each, Suite, ::testing::ValuesIn(::tomada::store::testing::store_factories()), \
                           [](const auto& instance) { return instance.param.name; })

}  // namespace tomada::store::testing
