// What happens at the boundary when a plugin breaks a rule: handles, struct sizes, slices.
#include "tests/unit/abi/call_fixture.hpp"

#include "host/abi/handles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace tomada::abi {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TEST_F(CallTest, HandlesThatAreLeftDieWithTheCall) {
  std::size_t live_count = 99;
  tomada_response kept = 0;
  call([&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& http = service<tomada_http_service>(host, TOMADA_HTTP_ID);
    tomada_http_request request{};
    request.struct_size = sizeof request;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(http.open(call, &request, &kept), TOMADA_OK);
    live_count = HandleTable::current()->live_count();
    return TOMADA_OK;
  });
  EXPECT_EQ(live_count, 4u);
  EXPECT_EQ(HandleTable::current()->live_count(), 0u);
  auto outcome = call([&](const tomada_host& host, tomada_call call, auto&&) {
    return service<tomada_http_service>(host, TOMADA_HTTP_ID).release(call, kept);
  });
  EXPECT_EQ(outcome.result.error().code, Errc::stale_handle);
  EXPECT_EQ(outcome.faults.size(), 1u);
}

TEST_F(CallTest, StaleAndForeignResponsesAreRefused) {
  auto outcome = call([&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& http = service<tomada_http_service>(host, TOMADA_HTTP_ID);
    tomada_http_request request{};
    request.struct_size = sizeof request;
    tomada_response response = 0;
    EXPECT_EQ(http.open(call, &request, &response), TOMADA_OK);
    EXPECT_EQ(http.release(call, response), TOMADA_OK);
    EXPECT_EQ(http.release(call, response), TOMADA_E_STALE_HANDLE) << "released";
    EXPECT_EQ(http.write(call, call, text("x")), TOMADA_E_STALE_HANDLE) << "another kind";
    EXPECT_EQ(http.write(call, 0, text("x")), TOMADA_E_STALE_HANDLE);
    EXPECT_EQ(http.write(call, UINT64_MAX, text("x")), TOMADA_E_STALE_HANDLE);
    EXPECT_EQ(service<tomada_call_service>(host, TOMADA_CALL_ID).check(response), TOMADA_E_STALE_HANDLE);
    return TOMADA_OK;
  });
  EXPECT_EQ(outcome.faults.size(), 5u);
}

TEST_F(CallTest, ACallHandleIsStaleAfterItsEndAndOnAnotherThread) {
  tomada_call ended = 0;
  const tomada_host* host = nullptr;
  call([&](const tomada_host& given, tomada_call call, auto&&) -> tomada_status {
    ended = call;
    host = &given;
    tomada_status elsewhere = TOMADA_OK;
    std::thread([&] { elsewhere = service<tomada_call_service>(given, TOMADA_CALL_ID).check(call); }).join();
    EXPECT_EQ(elsewhere, TOMADA_E_STALE_HANDLE);
    return TOMADA_OK;
  });
  const auto& calls = service<tomada_call_service>(*host, TOMADA_CALL_ID);
  EXPECT_EQ(calls.check(ended), TOMADA_E_STALE_HANDLE) << "outside any call";
  auto outcome = call([&](const tomada_host&, tomada_call, auto&&) { return calls.check(ended); });
  EXPECT_EQ(outcome.result.error().code, Errc::stale_handle);
  EXPECT_EQ(outcome.faults.size(), 1u);
  EXPECT_EQ(calls.remaining_ms(ended), 0u);
}

TEST_F(CallTest, ACallHandleIsRefusedInsideAnotherRunningCall) {
  make(Concurrency::parallel);
  std::vector<tomada_call> calls;
  std::vector<tomada_status> seen;
  code.on_call = [&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    calls.push_back(call);
    if (calls.size() == 2) seen.push_back(service<tomada_call_service>(host, TOMADA_CALL_ID).check(calls[0]));
    const auto slept = service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 10);
    seen.push_back(service<tomada_call_service>(host, TOMADA_CALL_ID).check(call));
    return slept;
  };
  for (int i = 0; i < 2; ++i)
    runtime::spawn("call", loop, {}, [&](runtime::Task& task) {
      FakeServices services(task);
      EXPECT_TRUE(instance->test_connection(task, services).has_value());
    });
  settle();
  advance(10ms);
  EXPECT_THAT(seen, ElementsAre(TOMADA_E_STALE_HANDLE, TOMADA_OK, TOMADA_OK));
}

TEST_F(CallTest, StructsMayBeLongerWithZerosAndShorter) {
  struct Longer {
    tomada_record record;
    std::uint64_t later;
  };
  std::vector<tomada_status> seen;
  auto outcome = call([&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& records = service<tomada_records_service>(host, TOMADA_RECORDS_ID);
    Longer longer{};
    longer.record.struct_size = sizeof longer;
    longer.record.external_id = text("zero-tail");
    longer.record.data_json = text("{}");
    seen.push_back(records.upsert(call, text("thing"), &longer.record));
    longer.later = 1;
    seen.push_back(records.upsert(call, text("thing"), &longer.record));
    longer.record.struct_size = offsetof(tomada_record, updated_at_ms);
    longer.record.external_id = text("shorter");
    seen.push_back(records.upsert(call, text("thing"), &longer.record));
    for (const std::uint32_t absurd : {0u, 3u, 100'000u, UINT32_MAX}) {
      longer.record.struct_size = absurd;
      seen.push_back(records.upsert(call, text("thing"), &longer.record));
    }
    seen.push_back(records.upsert(call, text("thing"), nullptr));
    return TOMADA_OK;
  });
  EXPECT_THAT(seen, ElementsAre(TOMADA_OK, TOMADA_E_TOO_NEW, TOMADA_OK, TOMADA_E_INVALID_DATA, TOMADA_E_INVALID_DATA,
                                TOMADA_E_INVALID_DATA, TOMADA_E_INVALID_DATA, TOMADA_E_INVALID_DATA));
  EXPECT_THAT(outcome.records, ElementsAre("thing/zero-tail", "thing/shorter"));
  EXPECT_EQ(outcome.faults.size(), 6u);
}

TEST_F(CallTest, AnOutStructGetsNoMoreThanItsSize) {
  call([](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& http = service<tomada_http_service>(host, TOMADA_HTTP_ID);
    tomada_http_request request{};
    request.struct_size = sizeof request;
    tomada_http_result result{};
    result.struct_size = 8;
    result.response = 4711;
    EXPECT_EQ(http.send(call, &request, &result), TOMADA_OK);
    EXPECT_EQ(result.status, 200u);
    EXPECT_EQ(result.struct_size, 8u);
    EXPECT_EQ(result.response, 4711u);
    EXPECT_EQ(http.send(call, &request, nullptr), TOMADA_E_INVALID_DATA);
    request.flags = 8;
    result.struct_size = sizeof result;
    EXPECT_EQ(http.send(call, &request, &result), TOMADA_E_TOO_NEW);
    return TOMADA_OK;
  });
}

TEST_F(CallTest, BadSlicesAreRefusedEverywhere) {
  constexpr tomada_slice k_null{nullptr, 5};
  constexpr tomada_slice k_huge{"x", UINT64_MAX};
  auto outcome = call([&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& records = service<tomada_records_service>(host, TOMADA_RECORDS_ID);
    const auto& storage = service<tomada_storage_service>(host, TOMADA_STORAGE_ID);
    for (const tomada_slice bad : {k_null, k_huge}) {
      EXPECT_EQ(records.remove(call, text("thing"), bad, 0), TOMADA_E_INVALID_DATA);
      EXPECT_EQ(records.checkpoint(call, bad), TOMADA_E_INVALID_DATA);
      EXPECT_EQ(records.complete(call, bad, bad), TOMADA_E_INVALID_DATA);
      EXPECT_EQ(storage.put(call, text("k"), bad), TOMADA_E_INVALID_DATA);
      service<tomada_log_service>(host, TOMADA_LOG_ID).write(call, 99, bad);
    }
    EXPECT_EQ(storage.get(call, text("k"), nullptr), TOMADA_E_INVALID_DATA);
    return TOMADA_OK;
  });
  EXPECT_EQ(outcome.faults.size(), 11u);
  EXPECT_TRUE(outcome.result.has_value());
}

}  // namespace
}  // namespace tomada::abi
