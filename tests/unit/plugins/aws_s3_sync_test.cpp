#include "plugin.hpp"

#include "fake_host.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>

namespace {

using plugins_test::FakeCall;
using plugins_test::Instance;
using plugins_test::Reply;
using plugins_test::Seen;

constexpr auto k_entry = &tomada::sdk::Entry<aws_s3::Plugin>::fill;
constexpr const char* k_config = R"({"bucket":"quotes","region":"eu-west-1","prefix":"docs/"})";
constexpr const char* k_token = "1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D";

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(AWS_S3_FIXTURES) + "/" + name + ".xml");
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Page 1 from the start, page 2 by its token or by start-after.
Reply two_pages(const Seen& request) {
  const bool is_second = request.url.find("continuation-token=" + std::string(k_token)) != std::string::npos ||
                         request.url.find("start-after=docs%2Ftab%09.txt") != std::string::npos;
  return {.body = fixture(is_second ? "list-page-2" : "list-page-1")};
}

std::string page(const std::vector<std::string>& keys, bool truncated, const std::string& token) {
  std::string xml = "<ListBucketResult><IsTruncated>" + std::string(truncated ? "true" : "false") + "</IsTruncated>";
  if (!token.empty()) xml += "<NextContinuationToken>" + token + "</NextContinuationToken>";
  for (const std::string& key : keys) xml += "<Contents><Key>" + key + "</Key><Size>1</Size></Contents>";
  return xml + "</ListBucketResult>";
}

class S3Sync : public testing::Test {
 protected:
  Instance instance_{k_entry, k_config};
  FakeCall call_;
};

TEST_F(S3Sync, ListsPageAfterPageAndCompletes) {
  call_.on_request = two_pages;
  ASSERT_EQ(instance_.sync(call_, "object"), TOMADA_OK);
  ASSERT_EQ(call_.requests.size(), 2u);
  EXPECT_EQ(call_.requests[0].method, "GET");
  EXPECT_EQ(call_.requests[0].url,
            "https://quotes.s3.eu-west-1.amazonaws.com/?list-type=2&encoding-type=url&max-keys=1000&prefix=docs%2F");
  EXPECT_EQ(call_.checkpoints, std::vector<std::string>{"docs/tab\t.txt"});
  EXPECT_EQ(call_.completed_since, "");
  EXPECT_EQ(call_.progress, 4u);
  ASSERT_EQ(call_.committed.size(), 4u);
  EXPECT_EQ(call_.committed[0].external_id, "docs/a b&c.txt");
  EXPECT_EQ(call_.committed[0].updated_at_ms, 1'768'059'000'000);
  EXPECT_EQ(call_.committed[0].json,
            R"({"key":"docs/a b&c.txt","size":434234,"etag":"fba9dede5f27731c9771645a39863328",)"
            R"("last_modified":"2026-01-10T15:30:00.000Z","storage_class":"STANDARD"})");
  EXPECT_TRUE(call_.responses.empty());
  EXPECT_TRUE(call_.log.empty());
}

TEST_F(S3Sync, GoesOnAfterTheLastKeyOfItsCheckpoint) {
  call_.on_request = two_pages;
  ASSERT_EQ(instance_.sync(call_, "object", TOMADA_SYNC_INCREMENTAL, "docs/tab\t.txt"), TOMADA_OK);
  ASSERT_EQ(call_.requests.size(), 1u);
  EXPECT_NE(call_.requests[0].url.find("&start-after=docs%2Ftab%09.txt"), std::string::npos);
  ASSERT_EQ(call_.committed.size(), 1u);
  EXPECT_EQ(call_.committed[0].external_id, "docs/z.txt");
  EXPECT_TRUE(call_.completed_since.has_value());
}

TEST_F(S3Sync, KeepsTheCheckpointWhenALaterPageFails) {
  call_.on_request = [](const Seen& request) {
    if (request.url.find("continuation-token") == std::string::npos) return two_pages(request);
    return Reply{.status = 503, .body = fixture("slow-down"), .headers = {{"retry-after", "4"}}};
  };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_RATE_LIMITED);
  EXPECT_EQ(call_.committed.size(), 3u);
  EXPECT_FALSE(call_.completed_since.has_value());
  EXPECT_EQ(call_.said->retry_after_ms, 4'000u);
  EXPECT_EQ(call_.said->provider_code, "SlowDown");
  EXPECT_EQ(call_.said->http_status, 503u);
  EXPECT_TRUE(call_.responses.empty());
}

TEST_F(S3Sync, ReturnsACancellationAsItIs) {
  call_.on_request = [](const Seen&) { return Reply{.outcome = TOMADA_E_CANCELLED}; };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_CANCELLED);
  EXPECT_FALSE(call_.said.has_value());
}

TEST_F(S3Sync, WithoutTokensGoesOnByTheLastKey) {
  call_.on_request = [](const Seen& request) {
    const bool is_second = request.url.find("start-after=b") != std::string::npos;
    return Reply{.body = is_second ? page({"c"}, false, "") : page({"a", "b"}, true, "")};
  };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_OK);
  EXPECT_EQ(call_.committed.size(), 3u);
}

TEST_F(S3Sync, StopsWhenTheListingDoesNotAdvance) {
  call_.on_request = [](const Seen&) { return Reply{.body = page({"a"}, true, "same")}; };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_INVALID_DATA);
  EXPECT_FALSE(call_.completed_since.has_value());
  call_.on_request = [](const Seen&) { return Reply{.body = page({"a"}, true, "")}; };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_INVALID_DATA);
  int number = 0;
  call_.on_request = [&](const Seen&) { return Reply{.body = page({}, true, "t" + std::to_string(++number))}; };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_INVALID_DATA);
  EXPECT_LE(number, 1'002);
}

TEST_F(S3Sync, MalformedXmlCompletesNothing) {
  for (const char* body : {"", "<html></html>", "<ListBucketResult><Contents>", "<ListBucketResult/>"}) {
    call_.on_request = [&](const Seen&) { return Reply{.body = body}; };
    EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_INVALID_DATA) << body;
    EXPECT_FALSE(call_.completed_since.has_value());
  }
}

TEST_F(S3Sync, AnErrorDocumentBehind200IsAnError) {
  call_.on_request = [](const Seen&) { return Reply{.body = fixture("internal-error")}; };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_UNAVAILABLE);
}

TEST_F(S3Sync, AProxysPageIsJudgedByItsStatus) {
  call_.on_request = [](const Seen&) { return Reply{.status = 502, .body = "<html>Bad <b>gateway</html>"}; };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_E_UNAVAILABLE);
  EXPECT_EQ(call_.said->http_status, 502u);
}

TEST_F(S3Sync, ServersThatIgnoreTheByteOrderAreToldOf) {
  call_.on_request = [](const Seen&) { return Reply{.body = page({"b", "a"}, false, "")}; };
  EXPECT_EQ(instance_.sync(call_, "object"), TOMADA_OK);
  EXPECT_EQ(call_.log.size(), 1u);
}

TEST_F(S3Sync, OtherEntitiesAreUnknown) { EXPECT_EQ(instance_.sync(call_, "version"), TOMADA_E_UNSUPPORTED); }

TEST_F(S3Sync, TestConnectionAsksForOneKey) {
  call_.on_request = [](const Seen&) { return Reply{.body = fixture("list-empty")}; };
  EXPECT_EQ(instance_.test_connection(call_), TOMADA_OK);
  EXPECT_NE(call_.requests[0].url.find("max-keys=1&"), std::string::npos);
  call_.on_request = [](const Seen&) { return Reply{.status = 403, .body = fixture("invalid-access-key-id")}; };
  EXPECT_EQ(instance_.test_connection(call_), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(call_.said->message, "credentials.access_key_id: S3 does not know this key");
}

TEST(S3Create, NamesTheFieldThatIsWrong) {
  Instance instance(k_entry, R"({"bucket":"b"})");
  EXPECT_EQ(instance.created(), TOMADA_E_INVALID_CONFIG);
  EXPECT_EQ(instance.why(), "config.region: missing");
}

}  // namespace
