// Plugin calls as a plugin sees them.
#include "tests/unit/abi/call_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace tomada::abi {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(CallTest, CreateMayRefuseWithItsOwnWords) {
  code.on_create = [](const tomada_create_args&, char* why, std::uint64_t capacity, std::uint64_t* len) -> tomada_status {
    const std::string words = "bucket: must not be a bucket";
    std::memcpy(why, words.data(), std::min<std::size_t>(capacity, words.size()));
    *len = words.size();
    return TOMADA_E_INVALID_CONFIG;
  };
  auto loaded = LoadedPlugin::load(test_plugin("trampoline_serial"), Manifest{});
  const auto made = InProcessInstance::create(*loaded, loop, "id", code.config());
  ASSERT_TRUE(made.has_error());
  EXPECT_EQ(made.error().code, Errc::invalid_config);
  EXPECT_EQ(made.error().message, "bucket: must not be a bucket");
  // A length beyond the buffer and an exception are the plugin's faults, not reads outside it.
  code.on_create = [](const tomada_create_args&, char*, std::uint64_t, std::uint64_t* len) -> tomada_status {
    *len = UINT64_MAX;
    return TOMADA_E_INVALID_CONFIG;
  };
  EXPECT_TRUE(InProcessInstance::create(*loaded, loop, "id", code.config()).has_error());
  code.on_create = [](auto&&...) -> tomada_status { throw 5; };
  EXPECT_EQ(InProcessInstance::create(*loaded, loop, "id", code.config()).error().code, Errc::internal);
}

TEST_F(CallTest, PassesTheRequestAndReturnsOk) {
  make();
  std::string seen;
  code.on_call = [&](const tomada_host&, tomada_call, const tomada_sync_request* request) -> tomada_status {
    seen = std::string(request->entity.ptr, request->entity.len) + " " + std::to_string(request->mode) + " " +
           std::string(request->since.ptr, request->since.len) + " " + std::to_string(request->resume.len);
    return TOMADA_OK;
  };
  EXPECT_TRUE(runtime::run(loop, [&](runtime::Task& task) {
    FakeServices services(task);
    return instance->sync(task, services, {"thing", SyncMode::incremental, "yesterday", ""});
  }).has_value());
  EXPECT_EQ(seen, "thing 2 yesterday 0");
}

TEST_F(CallTest, HandsOverAWebhook) {
  make();
  code.on_webhook = [](const tomada_host&, tomada_call, const tomada_webhook& webhook,
                       tomada_reply reply) -> tomada_status {
    EXPECT_EQ(reply, 0u);
    return webhook.headers_count == 1 && webhook.headers[0].value.len == 3 && webhook.attempt == 2 ? TOMADA_OK
                                                                                                   : TOMADA_E_PERMANENT;
  };
  EXPECT_TRUE(runtime::run(loop, [&](runtime::Task& task) {
    FakeServices services(task);
    return instance->handle_webhook(task, services, {"e1", "created", {{"X-A", "abc"}}, "{}", 1, 2});
  }).has_value());
}

TEST_F(CallTest, AnInlineWebhookIsAnsweredOnceWithinLimits) {
  make();
  code.on_webhook = [](const tomada_host& host, tomada_call handle, const tomada_webhook&,
                       tomada_reply reply) -> tomada_status {
    const auto& service = abi::service<tomada_reply_service>(host, TOMADA_REPLY_ID);
    const std::string long_body(64 * 1024 + 1, 'x');
    EXPECT_NE(reply, 0u);
    EXPECT_EQ(service.set(handle, 0, 200, text("text/plain"), text("a")), TOMADA_E_UNSUPPORTED);
    EXPECT_EQ(service.set(handle, reply + 1, 200, text("text/plain"), text("a")), TOMADA_E_STALE_HANDLE);
    EXPECT_EQ(service.set(handle, reply, 199, text("text/plain"), text("a")), TOMADA_E_INVALID_DATA);
    EXPECT_EQ(service.set(handle, reply, 500, text("text/plain"), text("a")), TOMADA_E_INVALID_DATA);
    EXPECT_EQ(service.set(handle, reply, 200, text("text/plain\r\nX: y"), text("a")), TOMADA_E_INVALID_DATA);
    EXPECT_EQ(service.set(handle, reply, 200, text("text/plain"), text(long_body)), TOMADA_E_INVALID_DATA);
    EXPECT_EQ(service.set(handle, reply, 201, text("text/xml"), text("<a/>")), TOMADA_OK);
    EXPECT_EQ(service.set(handle, reply, 200, text("text/plain"), text("b")), TOMADA_E_INVALID_DATA);
    return TOMADA_OK;
  };
  runtime::run(loop, [&](runtime::Task& task) {
    FakeServices services(task);
    Webhook webhook{.event_id = "e1", .event_type = "command", .wants_reply = true};
    EXPECT_TRUE(instance->handle_webhook(task, services, webhook).has_value());
    EXPECT_THAT(services.replies, ElementsAre("201 text/xml <a/>"));
    return 0;
  });
}

TEST_F(CallTest, AThrowingPluginIsInternalAndTheInstanceIsBroken) {
  auto outcome = call([](auto&&...) -> tomada_status { throw std::runtime_error("planted"); });
  EXPECT_EQ(outcome.result.error().code, Errc::internal);
  EXPECT_EQ(outcome.result.error().message, "the plugin's test_connection threw: planted");
  EXPECT_THAT(outcome.faults, ElementsAre("C03: test_connection threw: planted"));
  EXPECT_TRUE(instance->broken());
  EXPECT_EQ(call([](auto&&...) -> tomada_status { return TOMADA_OK; }).result.error().code, Errc::unavailable);
}

TEST_F(CallTest, SomethingThatIsNoExceptionIsCaughtToo) {
  auto outcome = call([](auto&&...) -> tomada_status { throw 42; });
  EXPECT_THAT(outcome.result.error().message, HasSubstr("threw something"));
}

TEST_F(CallTest, AnUnknownStatusIsInternal) {
  for (const tomada_status status : {16, -1, INT32_MIN, INT32_MAX}) {
    instance.reset();
    auto outcome = call([=](auto&&...) -> tomada_status { return status; });
    EXPECT_EQ(outcome.result.error().code, Errc::internal) << status;
    EXPECT_THAT(outcome.result.error().message, HasSubstr("the plugin's test_connection ")) << status;
    EXPECT_EQ(outcome.faults.size(), 1u);
    EXPECT_TRUE(instance->broken());
  }
}

TEST_F(CallTest, FailGivesTheDetailOfTheError) {
  auto outcome = call([](const tomada_host& host, tomada_call call, auto&&) {
    tomada_error error{};
    error.struct_size = sizeof error;
    error.http_status = 429;
    error.message = text("slow down");
    error.provider_code = text("SlowDown");
    error.retry_after_ms = 1500;
    return service<tomada_call_service>(host, TOMADA_CALL_ID).fail(call, TOMADA_E_RATE_LIMITED, &error);
  });
  const Error& error = outcome.result.error();
  EXPECT_EQ(error.code, Errc::rate_limited);
  EXPECT_EQ(error.message, "slow down");
  EXPECT_EQ(error.http_status, 429);
  EXPECT_EQ(error.provider_code, "SlowDown");
  EXPECT_EQ(error.retry_after, 1500ms);
}

TEST_F(CallTest, FailCutsAndCleansItsTexts) {
  auto outcome = call([](const tomada_host& host, tomada_call call, auto&&) {
    std::string message(4095, 'x');
    message += "é and more";
    tomada_error error{};
    error.struct_size = sizeof error;
    error.message = text(message);
    error.provider_code = text("\xff\xfe");
    return service<tomada_call_service>(host, TOMADA_CALL_ID).fail(call, TOMADA_E_PERMANENT, &error);
  });
  EXPECT_EQ(outcome.result.error().message, std::string(4095, 'x'));
  EXPECT_EQ(outcome.result.error().provider_code, "??");
}

TEST_F(CallTest, AServicesErrorIsTheDetailWhenThePluginReturnsItsStatus) {
  const auto prepare = [](FakeServices& services) {
    services.next_error = Error{Errc::unavailable, "connection refused", 2s, 503, "Down"};
  };
  const auto send = [](const tomada_host& host, tomada_call call) {
    tomada_http_request request{};
    request.struct_size = sizeof request;
    tomada_http_result result{};
    result.struct_size = sizeof result;
    return service<tomada_http_service>(host, TOMADA_HTTP_ID).send(call, &request, &result);
  };
  auto same = call([&](const tomada_host& host, tomada_call call, auto&&) { return send(host, call); }, prepare);
  EXPECT_EQ(same.result.error().message, "connection refused");
  EXPECT_EQ(same.result.error().retry_after, 2s);
  EXPECT_EQ(same.result.error().http_status, 503);
  EXPECT_EQ(same.result.error().provider_code, "Down");
  auto other = call([&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    (void)send(host, call);
    return TOMADA_E_NOT_FOUND;
  }, prepare);
  EXPECT_EQ(other.result.error().message, "the plugin's test_connection ended with not_found");
}

TEST_F(CallTest, HttpSendReadsHeadersAndBody) {
  std::string seen;
  auto outcome = call([&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& http = service<tomada_http_service>(host, TOMADA_HTTP_ID);
    const tomada_header header{text("Accept"), text("*/*")};
    tomada_http_request request{};
    request.struct_size = sizeof request;
    request.method = text("GET");
    request.url = text("https://example.com/");
    request.headers = &header;
    request.headers_count = 1;
    request.flags = TOMADA_HTTP_NO_AUTH;
    tomada_http_result result{};
    result.struct_size = sizeof result;
    if (const auto status = http.send(call, &request, &result); status != TOMADA_OK) return status;
    tomada_slice value{};
    EXPECT_EQ(http.header(call, result.response, text("content-type"), &value), TOMADA_OK);
    EXPECT_EQ(std::string(value.ptr, value.len), "application/json");
    EXPECT_EQ(http.header(call, result.response, text("LINK"), &value), TOMADA_OK);
    EXPECT_EQ(std::string(value.ptr, value.len), "a, b");
    EXPECT_EQ(http.header(call, result.response, text("Etag"), &value), TOMADA_E_NOT_FOUND);
    char four[4];
    std::uint64_t len = 0;
    EXPECT_EQ(http.read(call, result.response, four, sizeof four, &len), TOMADA_OK);
    seen.assign(four, len);
    EXPECT_EQ(http.body(call, result.response, &value), TOMADA_OK);
    seen += "|" + std::string(value.ptr, value.len);
    return result.status == 200 ? http.release(call, result.response) : TOMADA_E_PERMANENT;
  });
  EXPECT_TRUE(outcome.result.has_value());
  EXPECT_EQ(seen, "{\"ok|\":true}");
  ASSERT_EQ(outcome.requests.size(), 1u);
  EXPECT_FALSE(outcome.requests[0].authenticate);
  EXPECT_FALSE(outcome.requests[0].streamed_length.has_value());
  EXPECT_EQ(outcome.requests[0].headers.size(), 1u);
  EXPECT_TRUE(outcome.faults.empty());
}

TEST_F(CallTest, HttpOpenWritesInPiecesAndFinishesOnce) {
  auto outcome = call([](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& http = service<tomada_http_service>(host, TOMADA_HTTP_ID);
    tomada_http_request request{};
    request.struct_size = sizeof request;
    request.body_length = UINT64_MAX;
    tomada_response response = 0;
    tomada_slice body{};
    EXPECT_EQ(http.open(call, &request, &response), TOMADA_OK);
    EXPECT_EQ(http.body(call, response, &body), TOMADA_E_INVALID_DATA) << "before finish()";
    EXPECT_EQ(http.write(call, response, text("abc")), TOMADA_OK);
    tomada_http_result result{};
    result.struct_size = sizeof result;
    EXPECT_EQ(http.finish(call, response, &result), TOMADA_OK);
    EXPECT_EQ(result.response, response);
    EXPECT_EQ(http.write(call, response, text("abc")), TOMADA_E_INVALID_DATA) << "after finish()";
    return http.body(call, response, &body);
  });
  EXPECT_TRUE(outcome.result.has_value());
  ASSERT_TRUE(outcome.requests.at(0).streamed_length.has_value());
  EXPECT_FALSE(outcome.requests[0].streamed_length->has_value());
  EXPECT_EQ(outcome.faults.size(), 2u);
}

TEST_F(CallTest, StorageAndCredentialsAnswer) {
  call([](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    const auto& storage = service<tomada_storage_service>(host, TOMADA_STORAGE_ID);
    const auto& credentials = service<tomada_credentials_service>(host, TOMADA_CREDENTIALS_ID);
    tomada_slice value{};
    EXPECT_EQ(storage.get(call, text("k"), &value), TOMADA_E_NOT_FOUND);
    EXPECT_EQ(storage.put(call, text("k"), text("v")), TOMADA_OK);
    EXPECT_EQ(storage.get(call, text("k"), &value), TOMADA_OK);
    EXPECT_EQ(std::string(value.ptr, value.len), "v");
    EXPECT_EQ(storage.remove(call, text("k")), TOMADA_OK);
    EXPECT_EQ(credentials.has(call, text("token")), TOMADA_OK);
    EXPECT_EQ(credentials.has(call, text("other")), TOMADA_E_NOT_FOUND);
    EXPECT_EQ(credentials.get(call, text("token"), &value), TOMADA_OK);
    EXPECT_EQ(std::string(value.ptr, value.len), "t0ken");
    return TOMADA_OK;
  });
}

TEST_F(CallTest, TheDeadlineEndsASuspendedService) {
  make();
  std::vector<tomada_status> seen;
  std::uint64_t left_ms = 0;
  code.on_call = [&](const tomada_host& host, tomada_call call, auto&&) -> tomada_status {
    left_ms = service<tomada_call_service>(host, TOMADA_CALL_ID).remaining_ms(call);
    seen.push_back(service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, UINT64_MAX));
    return seen.back();
  };
  std::optional<Errc> ended;
  runtime::spawn("call", loop, runtime::Deadline::after(clock, 5s), [&](runtime::Task& task) {
    FakeServices services(task);
    ended = instance->test_connection(task, services).error().code;
  });
  settle();
  EXPECT_EQ(left_ms, 5000u);
  EXPECT_FALSE(ended.has_value());
  advance(5s);
  EXPECT_EQ(ended, Errc::deadline);
  EXPECT_THAT(seen, ElementsAre(TOMADA_E_DEADLINE));
}

TEST_F(CallTest, CancellationReachesThePluginAsAStatus) {
  make();
  code.on_call = [&](const tomada_host& host, tomada_call call, auto&&) {
    return service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 60'000);
  };
  std::optional<Errc> ended;
  runtime::spawn("call", loop, {}, [&](runtime::Task& task) {
    FakeServices services(task);
    ended = instance->test_connection(task, services).error().code;
  });
  settle();
  loop.cancel_tasks();
  settle();
  EXPECT_EQ(ended, Errc::cancelled);
}

struct OrderTest : CallTest {
  std::vector<std::string> events;

  void start(const std::string& name, runtime::Deadline deadline = {}) {
    runtime::spawn("call", loop, deadline, [this, name](runtime::Task& task) {
      FakeServices services(task);
      const auto result = instance->sync(task, services, {name, SyncMode::full, "", ""});
      if (result.has_error()) events.push_back(name + " " + std::string(to_string(result.error().code)));
    });
  }
  void make_sleeper(Concurrency concurrency) {
    make(concurrency);
    code.on_call = [this](const tomada_host& host, tomada_call call, const tomada_sync_request* request) {
      const std::string name(request->entity.ptr, request->entity.len);
      events.push_back(name + " begins");
      const auto status = service<tomada_clock_service>(host, TOMADA_CLOCK_ID).sleep_ms(call, 100);
      if (status == TOMADA_OK) events.push_back(name + " ends");
      return status;
    };
  }
};

TEST_F(OrderTest, SerialCallsTakeTurnsInTheOrderTheyCame) {
  make_sleeper(Concurrency::serial);
  for (const char* name : {"a", "b", "c"}) start(name);
  settle();
  EXPECT_EQ(instance->calls_count(), 3u);
  for (int i = 0; i < 3; ++i) advance(100ms);
  EXPECT_THAT(events, ElementsAre("a begins", "a ends", "b begins", "b ends", "c begins", "c ends"));
  EXPECT_EQ(instance->calls_count(), 0u);
}

TEST_F(OrderTest, ParallelCallsInterleave) {
  make_sleeper(Concurrency::parallel);
  for (const char* name : {"a", "b"}) start(name);
  settle();
  advance(100ms);
  EXPECT_THAT(events, ElementsAre("a begins", "b begins", "a ends", "b ends"));
}

TEST_F(OrderTest, AWaitingCallThatGivesUpLosesNobodysTurn) {
  make_sleeper(Concurrency::serial);
  start("a");
  start("b", runtime::Deadline::after(clock, 50ms));
  start("c");
  settle();
  advance(50ms);
  EXPECT_THAT(events, ElementsAre("a begins", "b deadline"));
  advance(50ms);
  advance(100ms);
  EXPECT_THAT(events, ElementsAre("a begins", "b deadline", "a ends", "c begins", "c ends"));
}

TEST_F(OrderTest, CancellingEverythingLeavesTheInstanceIdle) {
  make_sleeper(Concurrency::serial);
  for (const char* name : {"a", "b", "c"}) start(name);
  settle();
  loop.cancel_tasks();
  settle();
  EXPECT_THAT(events, testing::UnorderedElementsAre("a begins", "a cancelled", "b cancelled", "c cancelled"));
  EXPECT_EQ(instance->calls_count(), 0u);
  start("d");
  settle();
  EXPECT_EQ(events.back(), "d begins");
  advance(100ms);
}

}  // namespace
}  // namespace tomada::abi
