#include "host/service/record_page.hpp"

#include <gtest/gtest.h>

namespace tomada::service {
namespace {

struct RecordPageTest : testing::Test {
  RecordPageTest() { manifest.entities = {{.name = "contact"}, {.name = "deal"}}; }
  abi::Manifest manifest;
  store::Integration integration;
  SyncContext sync{.sync_id = "s", .entity = "contact", .full = true};
};

TEST_F(RecordPageTest, KeepsCanonicalText) {
  RecordPage page(manifest, integration, sync);
  ASSERT_TRUE(page.upsert("contact", {"1", R"({ "b": 2, "a": [1, 2.50] })"}).has_value());
  EXPECT_EQ(page.take(0).changes.at(0).data_json, R"({"a":[1,2.5],"b":2})");
}

TEST_F(RecordPageTest, RefusesAndCountsWhatIsNotARecord) {
  RecordPage page(manifest, integration, sync);
  EXPECT_EQ(page.upsert("contact", {"", "{}"}).error().code, Errc::invalid_data);
  EXPECT_EQ(page.upsert("contact", {"1", "[]"}).error().code, Errc::invalid_data);
  EXPECT_EQ(page.upsert("contact", {"1", "{\"a\":"}).error().code, Errc::invalid_data);
  EXPECT_EQ(page.upsert("contact", {"1", "{\"a\":\"\xff\"}"}).error().code, Errc::invalid_data);
  EXPECT_EQ(page.upsert("contact", {"\xff", "{}"}).error().code, Errc::invalid_data);
  EXPECT_EQ(page.upsert("unicorn", {"1", "{}"}).error().code, Errc::invalid_data);
  EXPECT_EQ(page.upsert("contact", {std::string(1025, 'x'), "{}"}).error().code, Errc::invalid_data);
  EXPECT_EQ(page.upsert("contact", {"1", "{\"a\":\"" + std::string(abi::k_record_bytes_max, 'x') + "\"}"}).error().code,
            Errc::invalid_data);
  EXPECT_EQ(page.upsert("contact", {"1", "{\"a\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}"}).error().code,
            Errc::invalid_data);
  ASSERT_TRUE(page.upsert("contact", {"2", "{}"}).has_value());
  const store::Page taken = page.take(0);
  EXPECT_EQ(taken.rejected_count, 9);
  EXPECT_EQ(taken.changes.size(), 1u);
}

TEST_F(RecordPageTest, AFullRunSpeaksOfItsOwnEntityOnly) {
  EXPECT_TRUE(RecordPage(manifest, integration, sync).upsert("deal", {"1", "{}"}).has_error());
  sync.full = false;
  EXPECT_TRUE(RecordPage(manifest, integration, sync).upsert("deal", {"1", "{}"}).has_value());
}

TEST_F(RecordPageTest, IsFullAtItsLimitAndEmptyAfterTake) {
  RecordPage page(manifest, integration, sync);
  for (std::size_t i = 0; i < abi::k_page_records_max; ++i)
    ASSERT_TRUE(page.upsert("contact", {std::to_string(i), "{}"}).has_value());
  EXPECT_TRUE(page.upsert("contact", {"one more", "{}"}).has_error());
  EXPECT_EQ(page.take(0).changes.size(), abi::k_page_records_max);
  EXPECT_EQ(page.waiting_count(), 0u);
  EXPECT_TRUE(page.upsert("contact", {"one more", "{}"}).has_value());
}

}  // namespace
}  // namespace tomada::service
