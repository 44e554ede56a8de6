#include "reply.hpp"

#include <tomada/failure.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace {

using aws_s3::ListPage;
using aws_s3::ReplyReader;

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(AWS_S3_FIXTURES) + "/" + name + ".xml");
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

ListPage page_of(std::string_view xml, std::size_t piece_bytes = 1 << 20) {
  ReplyReader reader;
  for (; !xml.empty(); xml.remove_prefix(std::min(piece_bytes, xml.size()))) reader.feed(xml.substr(0, piece_bytes));
  reader.finish();
  EXPECT_FALSE(reader.error());
  return reader.page();
}

std::string refusal(std::string_view xml) {
  try {
    ReplyReader reader;
    reader.feed(xml);
    reader.finish();
    return "";
  } catch (const tomada::sdk::Failure& failure) {
    EXPECT_EQ(failure.status(), TOMADA_E_INVALID_DATA);
    return failure.message();
  }
}

TEST(S3Reply, ReadsAPageWithEncodedKeys) {
  for (const std::size_t piece_bytes : {1u, 7u, 1u << 20}) {
    const ListPage page = page_of(fixture("list-page-1"), piece_bytes);
    ASSERT_EQ(page.objects.size(), 3u);
    EXPECT_TRUE(page.truncated);
    EXPECT_EQ(page.next_token, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=");
    EXPECT_EQ(page.objects[0].key, "docs/a b&c.txt");
    EXPECT_EQ(page.objects[0].etag, "fba9dede5f27731c9771645a39863328");
    EXPECT_EQ(page.objects[0].size, 434234u);
    EXPECT_EQ(page.objects[0].last_modified, "2026-01-10T15:30:00.000Z");
    EXPECT_EQ(page.objects[0].last_modified_ms, 1'768'059'000'000);
    EXPECT_EQ(page.objects[1].key, "docs/café+.txt");
    EXPECT_EQ(page.objects[1].size, 5368709120000u);
    EXPECT_EQ(page.objects[1].last_modified_ms, 1'255'369'830'123);
    EXPECT_EQ(page.objects[1].storage_class, "GLACIER");
    EXPECT_EQ(page.objects[2].key, "docs/tab\t.txt");
  }
}

TEST(S3Reply, TakesKeysAsTheyAreWithoutEncodingType) {
  const ListPage page = page_of(fixture("list-plain-keys"));
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].key, "100%+ & more");
  EXPECT_EQ(page.objects[0].etag, "fba9dede5f27731c9771645a39863328");
  EXPECT_EQ(page.objects[0].storage_class, "");
}

TEST(S3Reply, ReadsAnEmptyBucket) {
  const ListPage page = page_of(fixture("list-empty"));
  EXPECT_TRUE(page.objects.empty());
  EXPECT_FALSE(page.truncated);
}

TEST(S3Reply, ReadsAnErrorDocument) {
  ReplyReader reader;
  reader.feed(fixture("authorization-header-malformed"));
  reader.finish();
  ASSERT_TRUE(reader.error());
  EXPECT_EQ(reader.error()->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(reader.error()->region, "eu-central-1");
}

TEST(S3Reply, RefusesEveryCutOfAPage) {
  const std::string whole = fixture("list-page-1");
  const std::size_t end = whole.rfind('>');
  for (std::size_t bytes = 0; bytes <= end; ++bytes) ASSERT_NE(refusal(whole.substr(0, bytes)), "") << bytes;
}

TEST(S3Reply, RefusesADocumentType) {
  const std::string laughs = R"(<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><ListBucketResult>&b;)"
                             "</ListBucketResult>";
  EXPECT_NE(refusal(laughs).find("document type"), std::string::npos);
}

TEST(S3Reply, RefusesWhatIsNoListing) {
  EXPECT_NE(refusal("<html><body>hello</body></html>").find("is not a ListBucketResult"), std::string::npos);
  EXPECT_NE(refusal("not xml"), "");
  EXPECT_NE(refusal(""), "");
  // Would otherwise pass for an empty bucket.
  EXPECT_NE(refusal("<ListBucketResult/>").find("IsTruncated"), std::string::npos);
}

TEST(S3Reply, RefusesMalformedMembers) {
  const auto page = [](std::string_view contents) {
    return "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents>" +
           std::string(contents) + "</Contents></ListBucketResult>";
  };
  EXPECT_EQ(refusal(page("<Key>a</Key><Size>1</Size>")), "");
  EXPECT_NE(refusal(page("<Size>1</Size>")).find("no Key"), std::string::npos);
  EXPECT_NE(refusal(page("<Key>a</Key><Size>-1</Size>")).find("Size"), std::string::npos);
  EXPECT_NE(refusal(page("<Key>a</Key><Size>99999999999999999999</Size>")).find("Size"), std::string::npos);
  EXPECT_NE(refusal(page("<Key>a%2</Key>")).find("percent-encoded"), std::string::npos);
  EXPECT_NE(refusal("<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>"), "");
}

TEST(S3Reply, BoundsDepthTextAndTotal) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  EXPECT_NE(refusal("<ListBucketResult>" + deep).find("too deeply"), std::string::npos);
  EXPECT_NE(refusal("<ListBucketResult><Name>" + std::string(100'000, 'x')).find("too long"), std::string::npos);
  EXPECT_NE(refusal(std::string(aws_s3::k_xml_bytes_max + 1, ' ')).find("too long"), std::string::npos);
}

TEST(S3Reply, DecodesUrlEncoding) {
  EXPECT_EQ(aws_s3::url_decode("a+b%2b%2F%c3%A9"), "a b+/é");
  EXPECT_EQ(aws_s3::url_decode("%"), std::nullopt);
  EXPECT_EQ(aws_s3::url_decode("%4"), std::nullopt);
  EXPECT_EQ(aws_s3::url_decode("%4g"), std::nullopt);
  EXPECT_EQ(aws_s3::url_decode(""), "");
}

TEST(S3Reply, ReadsTimesOrGivesZero) {
  EXPECT_EQ(aws_s3::parse_utc_time("1970-01-01T00:00:01Z"), 1000);
  EXPECT_EQ(aws_s3::parse_utc_time("1970-01-01T00:00:00.5Z"), 500);
  EXPECT_EQ(aws_s3::parse_utc_time("1970-01-01T00:00:00.123456Z"), 123);
  for (const char* bad :
       {"", "2026-01-10", "2026-13-10T15:30:00Z", "2026-02-30T15:30:00Z", "2026-01-10T25:30:00Z",
        "2026-01-10T15:30:00+01:00", "2026-01-10T15:30:00.Z", "2026-01-10T15:30:00.-1Z", "2026-01-10T15:30:00xxZ"})
    EXPECT_EQ(aws_s3::parse_utc_time(bad), 0) << bad;
}

}  // namespace
