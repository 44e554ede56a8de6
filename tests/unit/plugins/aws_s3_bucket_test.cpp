#include "bucket.hpp"

#include <tomada/failure.hpp>

#include <gtest/gtest.h>

namespace {

using aws_s3::Bucket;

std::string address(std::string_view config) { return Bucket::from_config(config).address; }

std::string refusal(std::string_view config) {
  try {
    (void)Bucket::from_config(config);
    return "";
  } catch (const tomada::sdk::Failure& failure) {
    EXPECT_EQ(failure.status(), TOMADA_E_INVALID_CONFIG);
    return failure.message();
  }
}

TEST(Bucket, IsAHostNameAtAmazon) {
  EXPECT_EQ(address(R"({"bucket":"b","region":"eu-west-1"})"), "https://b.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(address(R"({"bucket":"b","region":"cn-north-1"})"), "https://b.s3.cn-north-1.amazonaws.com.cn/");
}

TEST(Bucket, WithDotsIsInThePath) {
  EXPECT_EQ(address(R"({"bucket":"my.b","region":"eu-west-1"})"), "https://s3.eu-west-1.amazonaws.com/my.b");
  EXPECT_EQ(refusal(R"({"bucket":"my.b","region":"eu-west-1","path_style":false})"),
            "config.path_style: must be true for a bucket name with dots");
}

TEST(Bucket, IsInThePathOfAnEndpointUnlessTheEndpointIsItsOwn) {
  EXPECT_EQ(address(R"({"bucket":"b","region":"auto","endpoint":"http://127.0.0.1:4568/"})"),
            "http://127.0.0.1:4568/b");
  EXPECT_EQ(address(R"({"bucket":"b","region":"auto","endpoint":"https://b.example.com","path_style":false})"),
            "https://b.example.com/");
  EXPECT_EQ(address(R"({"bucket":"b","region":"eu-west-1","path_style":true})"),
            "https://s3.eu-west-1.amazonaws.com/b");
}

TEST(Bucket, EncodesPrefixStartAndToken) {
  const Bucket bucket = Bucket::from_config(R"({"bucket":"b","region":"r","prefix":"a b/é&="})");
  EXPECT_EQ(bucket.listing_after("", 1),
            "https://b.s3.r.amazonaws.com/?list-type=2&encoding-type=url&max-keys=1"
            "&prefix=a%20b%2F%C3%A9%26%3D");
  const Bucket plain = Bucket::from_config(R"({"bucket":"b","region":"r"})");
  EXPECT_EQ(plain.listing_after("k+1/#", 1000),
            "https://b.s3.r.amazonaws.com/?list-type=2&encoding-type=url&max-keys=1000&start-after=k%2B1%2F%23");
  EXPECT_EQ(plain.listing_continued("1ue/x+=", 1000),
            "https://b.s3.r.amazonaws.com/?list-type=2&encoding-type=url&max-keys=1000"
            "&continuation-token=1ue%2Fx%2B%3D");
}

TEST(Bucket, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(refusal("[]"), "config: must be an object");
  EXPECT_EQ(refusal("{"), "config: must be an object");
  EXPECT_EQ(refusal(R"({"region":"r"})"), "config.bucket: missing");
  EXPECT_EQ(refusal(R"({"bucket":"b"})"), "config.region: missing");
  EXPECT_EQ(refusal(R"({"bucket":7,"region":"r"})"), "config.bucket: must be a string");
  EXPECT_EQ(refusal(R"({"bucket":"b","region":"r","path_style":"yes"})"), "config.path_style: must be true or false");
  for (const char* endpoint : {"ftp://x", "https://", "https:///", "https://user@x", "https://x/path", "https://x?y"})
    EXPECT_NE(refusal(R"({"bucket":"b","region":"r","endpoint":")" + std::string(endpoint) + "\"}"), "") << endpoint;
}

}  // namespace
