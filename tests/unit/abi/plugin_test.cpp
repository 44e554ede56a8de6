#include "host/abi/plugin.hpp"

#include "host/abi/host_table.hpp"
#include "tests/support/abi_test_plugins.hpp"

#include <gtest/gtest.h>

namespace tomada::abi {
namespace {

std::string refusal(const std::string& name) {
  auto loaded = LoadedPlugin::load(test_plugin(name), Manifest{});
  return loaded.has_error() ? loaded.error().message : "loaded";
}

TEST(LoadedPlugin, LoadsAGoodOne) {
  auto loaded = LoadedPlugin::load(test_plugin("good"), Manifest{});
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_FALSE((*loaded)->handles_webhooks());
  EXPECT_NE((*loaded)->table().sync, nullptr);
}

TEST(LoadedPlugin, P17TheLoadersOwnWords) {
  EXPECT_NE(refusal("unresolved").find("P17: the loader refused the file: "), std::string::npos);
  EXPECT_NE(refusal("unresolved").find("undefined symbol: nobody_defines_this"), std::string::npos) << refusal("unresolved");
  EXPECT_EQ(LoadedPlugin::load("/tmp/no-such.so", Manifest{}).error().code, Errc::unavailable);
}

TEST(LoadedPlugin, P18SaysHowTheEntryBrokeTheRule) {
  EXPECT_EQ(refusal("entry_fails"), "P18: tomada_plugin_entry_v1 failed with unsupported");
  EXPECT_EQ(refusal("entry_unknown_status"), "P18: tomada_plugin_entry_v1 returned the unknown status 77");
  EXPECT_EQ(refusal("entry_throws"), "P18: tomada_plugin_entry_v1 threw planted in the entry");
  EXPECT_EQ(refusal("lacks_sync"), "P18: tomada_plugin_entry_v1 left the function sync NULL");
  EXPECT_NE(refusal("table_too_small").find("left struct_size 16; at least 40"), std::string::npos) << refusal("table_too_small");
  EXPECT_NE(refusal("table_too_new").find("was built for ABI minor 99"), std::string::npos);
  EXPECT_NE(refusal("table_too_long").find("wrote more than plugin->struct_size"), std::string::npos);
  EXPECT_NE(refusal("lacks_entry").find("is not in the file"), std::string::npos);
}

TEST(LoadedPlugin, P18WebhooksNeedAFunction) {
  const auto webhook = scheme::Webhook::compile(
      nlohmann::json::parse(R"({"schemes": [{"id": "t", "algorithm": "token", "signature": {"header": "X-Token"}}]})"), nullptr);
  ASSERT_TRUE(webhook.has_value());
  const auto loaded = LoadedPlugin::load(test_plugin("good"), Manifest{.webhook = *webhook});
  ASSERT_TRUE(loaded.has_error());
  EXPECT_EQ(loaded.error().code, Errc::invalid_data);
  EXPECT_EQ(loaded.error().message, "P18: tomada_plugin_entry_v1 left the function handle_webhook NULL, and its manifest has a webhook");
}

TEST(HostTable, GivesEveryKnownServiceWithAllSlotsFilled) {
  const tomada_host& host = host_table();
  EXPECT_EQ(host.struct_size, sizeof(tomada_host));
  for (const auto id : known_services()) {
    const void* table = nullptr;
    EXPECT_EQ(host.query_service(text(id), &table), TOMADA_OK) << id;
    EXPECT_NE(table, nullptr);
    const std::uint32_t size = *static_cast<const std::uint32_t*>(table);
    for (std::uint32_t at = 8; at < size; at += 8)
      EXPECT_NE(*reinterpret_cast<void* const*>(static_cast<const char*>(table) + at), nullptr) << id << " at " << at;
  }
}

TEST(HostTable, AnUnknownServiceIsUnsupported) {
  const void* table = &table;
  EXPECT_EQ(host_table().query_service(text("unstable.telepathy/1"), &table), TOMADA_E_UNSUPPORTED);
  EXPECT_EQ(table, nullptr);
  EXPECT_EQ(host_table().query_service({nullptr, 5}, &table), TOMADA_E_INVALID_DATA);
  EXPECT_EQ(host_table().query_service(text(TOMADA_LOG_ID), nullptr), TOMADA_E_INVALID_DATA);
}

}  // namespace
}  // namespace tomada::abi
