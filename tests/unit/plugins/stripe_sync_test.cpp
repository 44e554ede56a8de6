#include "plugin.hpp"

#include "fake_host.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>

namespace {

using nlohmann::json;
using plugins_test::FakeCall;
using plugins_test::Instance;
using plugins_test::Reply;
using plugins_test::Seen;

constexpr auto k_entry = &tomada::sdk::Entry<stripe::Plugin>::fill;
constexpr const char* k_since = R"({"created":1694000000,"event":"evt_0"})";

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(STRIPE_FIXTURES) + "/" + name + ".json");
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string list(const std::vector<json>& objects, bool has_more) {
  return json{{"object", "list"}, {"data", objects}, {"has_more", has_more}}.dump();
}

json customer(const std::string& id, const std::string& name = "Ada") {
  return {{"id", id}, {"object", "customer"}, {"name", name}};
}

json event(const std::string& id, const std::string& type, const json& object, std::int64_t created = 1'694'109'744) {
  return {{"id", id},           {"object", "event"},     {"type", type},
          {"created", created}, {"pending_webhooks", 1}, {"data", {{"object", object}}}};
}

bool has(const Seen& request, const std::string& text) { return request.url.find(text) != std::string::npos; }

class StripeSync : public testing::Test {
 protected:
  tomada_status incremental(std::string_view entity = "customer") {
    return instance_.sync(call_, entity, TOMADA_SYNC_INCREMENTAL, {}, k_since);
  }
  tomada_status webhook(const std::string& body) {
    tomada_webhook webhook{};
    webhook.struct_size = sizeof webhook;
    webhook.attempt = 1;
    webhook.body = {body.data(), body.size()};
    return instance_.handle_webhook(call_, webhook);
  }

  Instance instance_{k_entry, "{}"};
  FakeCall call_;
};

TEST_F(StripeSync, PinsTheNewestEventBeforeItLists) {
  call_.on_request = [](const Seen& request) {
    if (has(request, "/v1/events")) return Reply{.body = list({event("evt_9", "a.b", json::object())}, true)};
    if (has(request, "starting_after=cus_2")) return Reply{.body = list({customer("cus_1")}, false)};
    return Reply{.body = list({customer("cus_3"), customer("cus_2")}, true),
                 .headers = {{"date", "Thu, 07 Sep 2023 18:02:24 GMT"}}};
  };
  ASSERT_EQ(instance_.sync(call_, "customer"), TOMADA_OK);
  ASSERT_EQ(call_.requests.size(), 3u);
  EXPECT_EQ(call_.requests[0].url, "https://api.stripe.com/v1/events?limit=1");
  EXPECT_EQ(call_.requests[1].url, "https://api.stripe.com/v1/customers?limit=100");
  EXPECT_EQ(call_.requests[2].url, "https://api.stripe.com/v1/customers?limit=100&starting_after=cus_2");
  for (const Seen& request : call_.requests) {
    EXPECT_EQ(request.headers.at("stripe-version"), "2023-08-16");
    EXPECT_FALSE(request.headers.contains("stripe-account"));
  }
  ASSERT_EQ(call_.committed.size(), 3u);
  EXPECT_EQ(call_.committed[0].external_id, "cus_3");
  EXPECT_EQ(call_.committed[0].updated_at_ms, 1'768'059'000'000) << "no Date yet: the machine's clock";
  EXPECT_EQ(call_.committed[2].updated_at_ms, 1'694'109'744'000) << "Stripe's clock, from the page before";
  EXPECT_EQ(json::parse(*call_.completed_since).at("event"), "evt_9");
  EXPECT_EQ(call_.checkpoints.size(), 1u);

  // The same from its checkpoint: one request, the same end.
  call_.requests.clear();
  const std::string since = *call_.completed_since;
  ASSERT_EQ(instance_.sync(call_, "customer", TOMADA_SYNC_FULL, call_.checkpoints[0]), TOMADA_OK);
  EXPECT_EQ(call_.requests.size(), 1u);
  EXPECT_EQ(call_.completed_since, since);
}

TEST_F(StripeSync, FollowsEventsFromTheOldestToTheNewest) {
  call_.on_request = [](const Seen& request) {
    if (has(request, "limit=1&") || request.url.ends_with("limit=1"))
      return Reply{.body = list({event("evt_9", "a.b", json::object())}, true)};
    if (has(request, "ending_before=evt_0"))
      return Reply{.body = list({event("evt_2", "customer.updated", customer("cus_1", "second"), 7),
                                 event("evt_1", "customer.updated", customer("cus_1", "first"), 7)},
                                true)};
    EXPECT_TRUE(has(request, "ending_before=evt_2"));
    return Reply{.body = list({event("evt_3", "customer.created", customer("cus_2"), 8)}, false)};
  };
  ASSERT_EQ(incremental(), TOMADA_OK);
  EXPECT_TRUE(has(call_.requests[1], "types%5B%5D=customer.created&types%5B%5D=customer.updated"));
  ASSERT_EQ(call_.committed.size(), 2u) << "of an object's events on a page the last is enough";
  EXPECT_EQ(json::parse(call_.committed[0].json).at("name"), "second");
  EXPECT_EQ(call_.committed[0].updated_at_ms, 7'000);
  EXPECT_EQ(json::parse(*call_.completed_since).at("event"), "evt_3");
}

TEST_F(StripeSync, WithNoEventOfItsOwnMovesOnToThePinnedOne) {
  call_.on_request = [](const Seen& request) {
    return Reply{.body = request.url.ends_with("limit=1") ? list({event("evt_9", "a.b", json::object())}, true)
                                                          : list({}, false)};
  };
  ASSERT_EQ(incremental(), TOMADA_OK);
  EXPECT_EQ(json::parse(*call_.completed_since).at("event"), "evt_9")
      << "or the noted one would grow older than 30 days";
}

TEST_F(StripeSync, ListsAgainWhenTheEventIsGone) {
  call_.on_request = [](const Seen& request) {
    if (has(request, "ending_before=evt_0")) return Reply{.status = 400, .body = fixture("error-no-such-event")};
    if (has(request, "/v1/events")) return Reply{.body = list({}, false)};
    return Reply{.body = list({customer("cus_1")}, false)};
  };
  ASSERT_EQ(incremental(), TOMADA_OK);
  EXPECT_EQ(call_.committed.size(), 1u);
  EXPECT_EQ(call_.log.size(), 1u);
}

TEST_F(StripeSync, AListWhosePlaceIsGoneBeginsAgainAFewTimes) {
  int gone_count = 0;
  call_.on_request = [&](const Seen& request) {
    if (has(request, "/v1/events")) return Reply{.body = list({}, false)};
    if (!has(request, "starting_after")) return Reply{.body = list({customer("cus_2")}, true)};
    if (++gone_count < 3)
      return Reply{.status = 400, .body = R"({"error":{"code":"resource_missing","param":"starting_after"}})"};
    return Reply{.body = list({customer("cus_1")}, false)};
  };
  EXPECT_EQ(instance_.sync(call_, "customer"), TOMADA_OK);
  gone_count = -100;
  EXPECT_EQ(instance_.sync(call_, "customer"), TOMADA_E_INVALID_DATA);
}

TEST_F(StripeSync, StopsWhenAListDoesNotAdvance) {
  for (const std::string& page : {list({}, true), list({customer("cus_1")}, true)}) {
    call_.on_request = [&](const Seen& request) {
      return Reply{.body = has(request, "/v1/events") ? list({}, false) : page};
    };
    EXPECT_EQ(instance_.sync(call_, "customer"), TOMADA_E_INVALID_DATA) << page;
    EXPECT_FALSE(call_.completed_since.has_value());
  }
  for (const std::string& page :
       {list({}, true), list({event("evt_0", "customer.updated", customer("cus_1"))}, true)}) {
    call_.on_request = [&](const Seen&) { return Reply{.body = page}; };
    EXPECT_EQ(incremental(), TOMADA_E_INVALID_DATA) << page;
  }
}

TEST_F(StripeSync, NewRefundsAreListedBecauseCardsHaveNoEventForThem) {
  call_.on_request = [](const Seen& request) {
    return Reply{.body = has(request, "/v1/refunds") ? list({{{"id", "re_1"}, {"object", "refund"}}}, false)
                                                     : list({}, false)};
  };
  ASSERT_EQ(incremental("refund"), TOMADA_OK);
  EXPECT_TRUE(has(call_.requests.back(), "/v1/refunds?limit=100&created%5Bgte%5D=1693999700"));
  EXPECT_EQ(call_.committed.size(), 1u);
}

TEST_F(StripeSync, SubscriptionsAreListedWithTheCanceledOnes) {
  call_.on_request = [](const Seen&) { return Reply{.body = list({}, false)}; };
  ASSERT_EQ(instance_.sync(call_, "subscription"), TOMADA_OK);
  EXPECT_TRUE(has(call_.requests.back(), "/v1/subscriptions?limit=100&status=all"));
}

TEST_F(StripeSync, WaitsAsLongAsStripeAsks) {
  call_.on_request = [](const Seen&) {
    return Reply{.status = 429, .body = fixture("error-rate-limit"), .headers = {{"retry-after", "4"}}};
  };
  EXPECT_EQ(instance_.sync(call_, "customer"), TOMADA_E_RATE_LIMITED);
  EXPECT_EQ(call_.said->retry_after_ms, 4'000u);
  EXPECT_EQ(call_.said->provider_code, "rate_limit");
  EXPECT_TRUE(call_.responses.empty());
}

TEST_F(StripeSync, TestConnectionReadsTheBalance) {
  call_.on_request = [](const Seen&) { return Reply{.body = R"({"object":"balance"})"}; };
  EXPECT_EQ(instance_.test_connection(call_), TOMADA_OK);
  EXPECT_EQ(call_.requests[0].url, "https://api.stripe.com/v1/balance");
  call_.on_request = [](const Seen&) { return Reply{.status = 401, .body = fixture("error-invalid-key")}; };
  EXPECT_EQ(instance_.test_connection(call_), TOMADA_E_UNAUTHENTICATED);
  EXPECT_NE(call_.said->message.find("credentials.api_key"), std::string::npos);
  call_.on_request = [](const Seen&) { return Reply{.body = "<html>"}; };
  EXPECT_EQ(instance_.test_connection(call_), TOMADA_E_INVALID_DATA);
}

TEST_F(StripeSync, AWebhookIsARecordAndChangesItsObject) {
  ASSERT_EQ(webhook(fixture("event-customer-updated")), TOMADA_OK);
  ASSERT_EQ(call_.page.size(), 2u);
  EXPECT_EQ(call_.page[0].external_id, "evt_1NnmXEGPxmnHQRkJO3bak93X");
  EXPECT_FALSE(json::parse(call_.page[0].json).contains("pending_webhooks"));
  EXPECT_EQ(call_.page[1].external_id, "cus_Oaxlz8kB0PJWGa");
  EXPECT_EQ(call_.page[1].updated_at_ms, 1'694'109'744'000);
  EXPECT_TRUE(call_.committed.empty()) << "the host commits it with the event";
}

TEST_F(StripeSync, AWebhookOfAnotherTypeIsARecordOnly) {
  ASSERT_EQ(webhook(event("evt_1", "payout.paid", {{"id", "po_1"}, {"object", "payout"}}).dump()), TOMADA_OK);
  ASSERT_EQ(webhook(event("evt_2", "invoice.upcoming", {{"id", "upcoming_in_1"}, {"object", "invoice"}}).dump()),
            TOMADA_OK);
  ASSERT_EQ(webhook(event("evt_3", "customer.deleted", customer("cus_1")).dump()), TOMADA_OK);
  EXPECT_EQ(call_.page.size(), 3u);
  ASSERT_EQ(
      webhook(event("evt_4", "customer.subscription.deleted", {{"id", "sub_1"}, {"object", "subscription"}}).dump()),
      TOMADA_OK);
  EXPECT_EQ(call_.page.size(), 5u) << "a subscription's end is a state";
}

TEST_F(StripeSync, AWebhookShowsNoClientSecret) {
  const json intent{{"id", "pi_1"}, {"object", "payment_intent"}, {"client_secret", "pi_1_secret_x"}};
  ASSERT_EQ(webhook(event("evt_1", "payment_intent.succeeded", intent).dump()), TOMADA_OK);
  ASSERT_EQ(call_.page.size(), 2u);
  for (const auto& record : call_.page) EXPECT_EQ(record.json.find("secret"), std::string::npos);
}

TEST_F(StripeSync, AWebhookThatIsNoSnapshotEventFails) {
  EXPECT_EQ(webhook(fixture("event-thin")), TOMADA_E_PERMANENT);
  EXPECT_EQ(webhook("not JSON"), TOMADA_E_INVALID_DATA);
  EXPECT_EQ(webhook("{}"), TOMADA_E_INVALID_DATA);
  EXPECT_TRUE(call_.page.empty());
}

TEST_F(StripeSync, AWebhookOfAnotherAccountChangesNothing) {
  json other = event("evt_1", "customer.updated", customer("cus_1"));
  other["account"] = "acct_other";
  ASSERT_EQ(webhook(other.dump()), TOMADA_OK);
  EXPECT_TRUE(call_.page.empty());
}

TEST(StripeCreate, ChecksItsConfiguration) {
  for (const char* wrong : {R"({"base_url":"ftp://x"})", R"({"base_url":"https://a/b"})",
                            R"({"base_url":"https://u@a"})", R"({"base_url":7})", R"({"account":7})", "[]"})
    EXPECT_EQ(Instance(k_entry, wrong).created(), TOMADA_E_INVALID_CONFIG) << wrong;
  Instance instance(k_entry, R"({"base_url":"http://127.0.0.1:1/","account":"acct_1"})");
  ASSERT_EQ(instance.created(), TOMADA_OK) << instance.why();
  FakeCall call;
  call.on_request = [](const Seen&) { return Reply{.body = R"({"object":"balance"})"}; };
  ASSERT_EQ(instance.test_connection(call), TOMADA_OK);
  EXPECT_EQ(call.requests[0].url, "http://127.0.0.1:1/v1/balance");
  EXPECT_EQ(call.requests[0].headers.at("stripe-account"), "acct_1");
}

}  // namespace
