#include "errors.hpp"
#include "reply.hpp"
#include "state.hpp"

#include <gtest/gtest.h>

namespace {

using namespace stripe;
using tomada::sdk::Failure;

tomada_status status_of(const char* text) {
  try {
    (void)parse_event(parse_json(text).value_or(nlohmann::json()));
    return TOMADA_OK;
  } catch (const Failure& failure) {
    return failure.status();
  }
}

TEST(StripeHttpDate, ReadsTheFormThatServersSend) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777'000);
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 23:59:59 GMT"), 1'709'251'199'000);
  for (const char* wrong :
       {"", "Sun, 06 Nov 1994 08:49:37 CET", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, x6 Nov 1994 08:49:37 GMT"})
    EXPECT_EQ(parse_http_date(wrong), 0) << wrong;
}

TEST(StripeJson, IsRefusedWhenItIsNestedTooDeep) {
  const std::string fits = std::string(k_json_depth_max, '[') + std::string(k_json_depth_max, ']');
  EXPECT_TRUE(parse_json(fits).has_value());
  EXPECT_FALSE(parse_json("[" + fits + "]").has_value());
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).has_value());
  EXPECT_TRUE(
      parse_json(R"({"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""})").has_value());
}

TEST(StripeList, MustSayWhetherThereIsMore) {
  const ListPage page = parse_list(R"({"object":"list","data":[{"id":"cus_1"},{"id":"cus_2"}],"has_more":true})");
  EXPECT_EQ(page.objects.size(), 2u);
  EXPECT_TRUE(page.has_more);
  for (const char* wrong : {"", "[]", "{}", R"({"data":[]})", R"({"data":[],"has_more":1})",
                            R"({"data":{},"has_more":true})", R"({"data":[{}],"has_more":false})",
                            R"({"data":[{"id":""}],"has_more":false})", R"({"data":["cus_1"],"has_more":false})"})
    EXPECT_THROW((void)parse_list(wrong), Failure) << wrong;
}

TEST(StripeEvent, MustBeASnapshotEventWithATime) {
  EXPECT_EQ(status_of(R"({"object":"event","id":"evt_1","type":"a.b","created":1,"data":{"object":{}}})"), TOMADA_OK);
  EXPECT_EQ(status_of(R"({"object":"v2.core.event","id":"evt_1"})"), TOMADA_E_PERMANENT);
  for (const char* wrong :
       {"", "[]", "{}", R"({"object":"event","id":"evt_1","type":"a.b","created":1})",
        R"({"object":"event","id":"evt_1","type":"a.b","created":1,"data":{"object":[]}})",
        R"({"object":"event","id":"evt_1","type":"a.b","created":"1","data":{"object":{}}})",
        R"({"object":"event","id":"evt_1","type":"a.b","created":9223372036854775807,"data":{"object":{}}})",
        R"({"object":"event","id":7,"type":"a.b","created":1,"data":{"object":{}}})",
        R"({"object":"event","id":"evt_1","type":"","created":1,"data":{"object":{}}})"})
    EXPECT_EQ(status_of(wrong), TOMADA_E_INVALID_DATA) << wrong;
}

struct Case {
  const char* what;
  ErrorReply error;
  std::uint32_t http_status;
  std::optional<bool> should_retry;
  tomada_status status;
};

TEST(StripeErrors, SayWhatToDo) {
  const auto error = [](const char* code) { return ErrorReply{"invalid_request_error", code, "words", ""}; };
  for (const Case& one :
       std::vector<Case>{{"a bad key", error(""), 401, {}, TOMADA_E_UNAUTHENTICATED},
                         {"a bad key, whatever the header", error(""), 401, true, TOMADA_E_UNAUTHENTICATED},
                         {"no permission", error(""), 403, {}, TOMADA_E_FORBIDDEN},
                         {"no permission, whatever the header", error(""), 403, true, TOMADA_E_FORBIDDEN},
                         {"another's account", error("account_invalid"), 403, {}, TOMADA_E_INVALID_CONFIG},
                         {"an unknown id", error("resource_missing"), 404, {}, TOMADA_E_NOT_FOUND},
                         {"a lock", error("lock_timeout"), 400, {}, TOMADA_E_RATE_LIMITED},
                         {"too many", error("rate_limit"), 429, {}, TOMADA_E_RATE_LIMITED},
                         {"too many, and not at once", error("rate_limit"), 429, false, TOMADA_E_RATE_LIMITED},
                         {"a conflict", error("idempotency_key_in_use"), 409, {}, TOMADA_E_UNAVAILABLE},
                         {"a conflict that stays", error("idempotency_key_in_use"), 409, false, TOMADA_E_PERMANENT},
                         {"a dependency", error(""), 424, {}, TOMADA_E_UNAVAILABLE},
                         {"a bad request", error("parameter_unknown"), 400, {}, TOMADA_E_PERMANENT},
                         {"a bad request that passes", error(""), 400, true, TOMADA_E_UNAVAILABLE},
                         {"a bug of theirs", error(""), 500, {}, TOMADA_E_UNAVAILABLE},
                         {"a bug that stays", error(""), 503, false, TOMADA_E_PERMANENT},
                         {"a proxy's page", {}, 502, {}, TOMADA_E_UNAVAILABLE}}) {
    ErrorContext context;
    context.http_status = one.http_status;
    context.should_retry = one.should_retry;
    context.retry_after_ms = 4'000;
    context.path = "/v1/customers";
    context.has_account = true;
    const Failure failure = failure_of(one.error, context);
    EXPECT_EQ(failure.status(), one.status) << one.what;
    EXPECT_EQ(failure.http_status(), one.http_status) << one.what;
    EXPECT_EQ(failure.retry_after_ms(), 4'000u) << one.what;
    EXPECT_FALSE(failure.message().empty()) << one.what;
  }
}

TEST(StripeErrors, ShowNoPartOfAKey) {
  const ErrorReply error{"invalid_request_error", "",
                         "The key 'rk_live_abcdef0001' (sk_test_****0002) may not read risk_x", ""};
  ErrorContext context;
  context.http_status = 403;
  const std::string message = failure_of(error, context).message();
  EXPECT_NE(message.find("The key '***' (***) may not read risk_x"), std::string::npos) << message;
  context.http_status = 401;
  EXPECT_EQ(failure_of(error, context).message().find("0001"), std::string::npos);
}

TEST(StripeErrors, KnowACursorThatIsGone) {
  EXPECT_TRUE(is_cursor_gone({"", "resource_missing", "", "ending_before"}, 400));
  EXPECT_TRUE(is_cursor_gone({"", "resource_missing", "", "starting_after"}, 404));
  EXPECT_FALSE(is_cursor_gone({"", "resource_missing", "", "customer"}, 400));
  EXPECT_FALSE(is_cursor_gone({"", "parameter_unknown", "", "ending_before"}, 400));
  EXPECT_FALSE(is_cursor_gone({"", "resource_missing", "", "ending_before"}, 500));
}

TEST(StripeErrors, AreReadInBothForms) {
  EXPECT_EQ(parse_error(R"({"error":{"type":"api_error","code":"c","message":"m","param":"p"}})").param, "p");
  EXPECT_EQ(parse_error(R"({"error":"invalid_grant","error_description":"used"})").message, "used");
  for (const char* other : {"", "<html>", "[]", R"({"error":7})", R"({"error":{"type":7}})"})
    EXPECT_TRUE(parse_error(other).type.empty()) << other;
}

TEST(StripeState, ComesBackAsItWas) {
  State state;
  state.phase = Phase::news;
  state.after = "re_1";
  state.since = {"evt_1", 17};
  state.next = {"evt_2", 18};
  state.clock_ms = 19'000;
  state.seen_count = 20;
  state.restarts_count = 2;
  EXPECT_EQ(State::from_text(state.text()).text(), state.text());
  EXPECT_THROW((void)State::from_text("cus_1"), Failure);
  EXPECT_THROW((void)State::from_text(R"({"phase":"other"})"), Failure);
  EXPECT_EQ(Position::from_text(state.next.text()).event_id, "evt_2");
  EXPECT_FALSE(Position::from_text("evt_2").is_known());
}

}  // namespace
