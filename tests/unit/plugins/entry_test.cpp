#include "fake_host.hpp"

#include <tomada/plugin.hpp>

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

namespace {

using namespace tomada::sdk;
using plugins_test::FakeCall;
using plugins_test::Instance;

// What it throws is named by its configuration and by the entity.
class ThrowingPlugin {
 public:
  static constexpr std::array<std::string_view, 1> k_services{TOMADA_HTTP_ID};

  explicit ThrowingPlugin(const Setup& setup) {
    if (setup.config_json == "bad") throw Failure(TOMADA_E_INVALID_CONFIG, "config.x: must be y");
    if (setup.config_json == "bug") throw std::logic_error("a bug");
    if (setup.config_json == "long") throw Failure(TOMADA_E_INVALID_CONFIG, std::string(10'000, 'x'));
  }
  void test_connection(Call&) {}
  void sync(Call& call, const SyncRequest& request) {
    if (request.entity == "failure")
      throw Failure(TOMADA_E_RATE_LIMITED, "slow down").http_status(429).provider_code("Slow").retry_after_ms(5);
    if (request.entity == "service") (void)call.http().send(Request::get("https://x/"));
    if (request.entity == "bug") throw std::runtime_error("out of range");
    if (request.entity == "odd") throw 17;  // NOLINT
  }
};

class WebhookPlugin : public ThrowingPlugin {
 public:
  using ThrowingPlugin::ThrowingPlugin;
  void handle_webhook(Call& call, const Webhook& webhook) { call.log().info(webhook.body); }
};

TEST(Entry, ReportsAFailureWithItsDetail) {
  Instance instance(&Entry<ThrowingPlugin>::fill, "{}");
  FakeCall call;
  EXPECT_EQ(instance.sync(call, "failure"), TOMADA_E_RATE_LIMITED);
  ASSERT_TRUE(call.said.has_value());
  EXPECT_EQ(call.said->status, TOMADA_E_RATE_LIMITED);
  EXPECT_EQ(call.said->message, "slow down");
  EXPECT_EQ(call.said->http_status, 429u);
  EXPECT_EQ(call.said->provider_code, "Slow");
  EXPECT_EQ(call.said->retry_after_ms, 5u);
}

TEST(Entry, LeavesTheHostsOwnDetailOfAServiceAlone) {
  Instance instance(&Entry<ThrowingPlugin>::fill, "{}");
  FakeCall call;
  call.on_request = [](const auto&) { return plugins_test::Reply{.outcome = TOMADA_E_CANCELLED}; };
  EXPECT_EQ(instance.sync(call, "service"), TOMADA_E_CANCELLED);
  EXPECT_FALSE(call.said.has_value());
}

TEST(Entry, TurnsEveryOtherExceptionIntoInternal) {
  Instance instance(&Entry<ThrowingPlugin>::fill, "{}");
  FakeCall call;
  EXPECT_EQ(instance.sync(call, "bug"), TOMADA_E_INTERNAL);
  EXPECT_EQ(call.said->message, "out of range");
  EXPECT_EQ(instance.sync(call, "odd"), TOMADA_E_INTERNAL);
  EXPECT_EQ(instance.sync(call, "fine"), TOMADA_OK);
}

TEST(Entry, SaysWhyAnInstanceCouldNotBeMade) {
  Instance bad(&Entry<ThrowingPlugin>::fill, "bad");
  EXPECT_EQ(bad.created(), TOMADA_E_INVALID_CONFIG);
  EXPECT_EQ(bad.why(), "config.x: must be y");
  Instance bug(&Entry<ThrowingPlugin>::fill, "bug");
  EXPECT_EQ(bug.created(), TOMADA_E_INTERNAL);
  EXPECT_EQ(bug.why(), "a bug");
  Instance wordy(&Entry<ThrowingPlugin>::fill, "long");
  EXPECT_EQ(wordy.why(), std::string(256, 'x'));
}

TEST(Entry, NamesAServiceThatTheHostLacks) {
  plugins_test::set_missing_services({TOMADA_HTTP_ID});
  Instance instance(&Entry<ThrowingPlugin>::fill, "{}");
  plugins_test::set_missing_services({});
  EXPECT_EQ(instance.created(), TOMADA_E_UNSUPPORTED);
  EXPECT_EQ(instance.why(), "this host lacks the service unstable.http/1");
}

TEST(Entry, HasHandleWebhookOnlyWhenTheClassHas) {
  Instance without(&Entry<ThrowingPlugin>::fill, "{}");
  EXPECT_EQ(without.table().handle_webhook, nullptr);
  Instance with(&Entry<WebhookPlugin>::fill, "{}");
  ASSERT_NE(with.table().handle_webhook, nullptr);
  FakeCall call;
  auto webhook = make<tomada_webhook>();
  webhook.body = slice("hello");
  EXPECT_EQ(with.handle_webhook(call, webhook), TOMADA_OK);
  EXPECT_EQ(call.log, std::vector<std::string>{"hello"});
}

class ReplyingPlugin : public ThrowingPlugin {
 public:
  using ThrowingPlugin::ThrowingPlugin;
  void handle_webhook(Call& call, const Webhook&, Reply& reply) { call.log().info(reply.wanted() ? "wanted" : "not"); }
};

TEST(Entry, HandsTheReplyToAClassThatTakesIt) {
  Instance instance(&Entry<ReplyingPlugin>::fill, "{}");
  ASSERT_NE(instance.table().handle_webhook, nullptr);
  FakeCall call;
  EXPECT_EQ(instance.handle_webhook(call, make<tomada_webhook>()), TOMADA_OK);
  EXPECT_EQ(call.log, std::vector<std::string>{"not"});
}

TEST(Entry, WritesNoMoreThanAnOlderHostsStruct) {
  tomada_plugin plugin{};
  plugin.struct_size = offsetof(tomada_plugin, handle_webhook);
  EXPECT_EQ(Entry<WebhookPlugin>::fill(&plugins_test::fake_host(), &plugin), TOMADA_OK);
  EXPECT_NE(plugin.sync, nullptr);
  EXPECT_EQ(plugin.handle_webhook, nullptr);
  EXPECT_EQ(plugin.struct_size, offsetof(tomada_plugin, handle_webhook));
}

}  // namespace
