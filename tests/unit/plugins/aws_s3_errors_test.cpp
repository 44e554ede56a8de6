#include "errors.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace {

using aws_s3::ErrorContext;
using tomada::sdk::Failure;

Failure failure_of_fixture(const std::string& name, std::uint32_t http_status, ErrorContext context = {}) {
  std::ifstream file(std::string(AWS_S3_FIXTURES) + "/" + name + ".xml");
  EXPECT_TRUE(file.good()) << name;
  aws_s3::ReplyReader reader;
  reader.feed(std::string(std::istreambuf_iterator<char>(file), {}));
  reader.finish();
  context.http_status = http_status;
  context.bucket = "quotes";
  context.configured_region = "us-east-1";
  return aws_s3::failure_of(reader.error().value(), context);
}

tomada_status status_of_fixture(const std::string& name, std::uint32_t http_status) {
  return failure_of_fixture(name, http_status).status();
}

tomada_status bare_status(std::uint32_t http_status) {
  ErrorContext context;
  context.http_status = http_status;
  return aws_s3::failure_of({}, context).status();
}

TEST(S3Errors, SayWhatIsToBeDone) {
  EXPECT_EQ(status_of_fixture("invalid-access-key-id", 403), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(status_of_fixture("signature-does-not-match", 403), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(status_of_fixture("expired-token", 400), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(status_of_fixture("access-denied", 403), TOMADA_E_FORBIDDEN);
  EXPECT_EQ(status_of_fixture("no-such-bucket", 404), TOMADA_E_NOT_FOUND);
  EXPECT_EQ(status_of_fixture("request-time-too-skewed", 403), TOMADA_E_UNAVAILABLE);
  EXPECT_EQ(status_of_fixture("slow-down", 503), TOMADA_E_RATE_LIMITED);
  EXPECT_EQ(status_of_fixture("internal-error", 500), TOMADA_E_UNAVAILABLE);
  EXPECT_EQ(status_of_fixture("internal-error", 200), TOMADA_E_UNAVAILABLE);
}

TEST(S3Errors, CarryCodeStatusAndRetryAfter) {
  const Failure failure = failure_of_fixture("slow-down", 503, {.retry_after_ms = 3'000});
  EXPECT_EQ(failure.provider_code(), "SlowDown");
  EXPECT_EQ(failure.http_status(), 503u);
  EXPECT_EQ(failure.retry_after_ms(), 3'000u);
}

TEST(S3Errors, NameTheRightRegion) {
  const Failure malformed = failure_of_fixture("authorization-header-malformed", 400);
  EXPECT_EQ(malformed.status(), TOMADA_E_INVALID_CONFIG);
  EXPECT_EQ(malformed.message(), "config.region: the bucket quotes is not in us-east-1; set it to eu-central-1");
  const Failure with_header = failure_of_fixture("permanent-redirect", 301, {.bucket_region = "eu-central-1"});
  EXPECT_EQ(with_header.message(), "config.region: the bucket quotes is not in us-east-1; set it to eu-central-1");
  const Failure without = failure_of_fixture("permanent-redirect", 301);
  EXPECT_EQ(without.status(), TOMADA_E_INVALID_CONFIG);
  EXPECT_EQ(
      without.message(),
      "config.region: the bucket quotes is not in us-east-1; its address is quotes.s3.eu-central-1.amazonaws.com");
}

TEST(S3Errors, DoNotRepeatWhatWasSigned) {
  const std::string message = failure_of_fixture("signature-does-not-match", 403).message();
  EXPECT_EQ(message.find("AKIA"), std::string::npos);
  EXPECT_EQ(message.find("AWS4"), std::string::npos);
}

TEST(S3Errors, WithoutADocumentTheHttpStatusDecides) {
  EXPECT_EQ(bare_status(429), TOMADA_E_RATE_LIMITED);
  EXPECT_EQ(bare_status(503), TOMADA_E_RATE_LIMITED);
  EXPECT_EQ(bare_status(502), TOMADA_E_UNAVAILABLE);
  EXPECT_EQ(bare_status(403), TOMADA_E_FORBIDDEN);
  EXPECT_EQ(bare_status(404), TOMADA_E_NOT_FOUND);
  EXPECT_EQ(bare_status(400), TOMADA_E_PERMANENT);
  EXPECT_EQ(bare_status(302), TOMADA_E_INVALID_CONFIG);
}

TEST(S3Errors, CutLongTexts) {
  ErrorContext context;
  context.http_status = 400;
  const Failure failure =
      aws_s3::failure_of({.code = std::string(5'000, 'c'), .message = std::string(5'000, 'm')}, context);
  EXPECT_LE(failure.provider_code().size(), 100u);
  EXPECT_LE(failure.message().size(), 500u);
}

}  // namespace
