#include "fake_host.hpp"

#include <tomada/call.hpp>

#include <gtest/gtest.h>

namespace {

using namespace tomada::sdk;
using plugins_test::FakeCall;
using plugins_test::Reply;

TEST(PercentEncode, KeepsOnlyUnreservedBytes) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a b+c/é\xFF"), "a%20b%2Bc%2F%C3%A9%FF");
  EXPECT_EQ(percent_encode("a/b", "/"), "a/b");
}

class HttpOfTheGlue : public testing::Test {
 protected:
  HttpOfTheGlue() {
    fake_.on_request = [this](const auto&) { return reply_; };
  }
  FakeCall fake_;
  Reply reply_;
  Services services_ = Services::find(plugins_test::fake_host());
  Call call_{services_, fake_.handle()};
};

TEST_F(HttpOfTheGlue, BuildsTheRequest) {
  (void)call_.http().send(Request::post("https://x/y?z=1")
                              .query("a b", "c&d")
                              .header("Accept", "text/plain")
                              .body("{}", "application/json"));
  ASSERT_EQ(fake_.requests.size(), 1u);
  EXPECT_EQ(fake_.requests[0].method, "POST");
  EXPECT_EQ(fake_.requests[0].url, "https://x/y?z=1&a%20b=c%26d");
  EXPECT_EQ(fake_.requests[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(fake_.requests[0].headers.at("accept"), "text/plain");
  EXPECT_EQ(fake_.requests[0].body, "{}");
}

TEST_F(HttpOfTheGlue, ReleasesEachResponseOnce) {
  {
    Response first = call_.http().send(Request::get("https://x/1"));
    Response second = std::move(first);
    first = call_.http().send(Request::get("https://x/2"));
    EXPECT_EQ(fake_.responses.size(), 2u);
  }
  EXPECT_TRUE(fake_.responses.empty());
}

TEST_F(HttpOfTheGlue, ReadsTheBodyInPieces) {
  reply_.body = "0123456789abcdefghij";
  Response response = call_.http().send(Request::get("https://x/"));
  char buffer[64];
  std::string body;
  while (const std::size_t length = response.read(buffer)) body.append(buffer, length);
  EXPECT_EQ(body, reply_.body);
}

TEST_F(HttpOfTheGlue, AMissingHeaderIsNothing) {
  reply_.headers["x-here"] = "1";
  const Response response = call_.http().send(Request::get("https://x/"));
  EXPECT_EQ(response.header("X-Here"), "1");
  EXPECT_EQ(response.header("x-gone"), std::nullopt);
}

TEST_F(HttpOfTheGlue, RetryAfterIsReadInSecondsAndBounded) {
  const auto read = [this](std::string value) {
    reply_.headers["retry-after"] = std::move(value);
    return call_.http().send(Request::get("https://x/")).retry_after_ms();
  };
  EXPECT_EQ(read("2"), 2'000u);
  EXPECT_EQ(read("99999999999"), 86'400'000u);
  EXPECT_EQ(read("Fri, 31 Dec 1999 23:59:59 GMT"), 0u);
  EXPECT_EQ(read("-1"), 0u);
}

TEST_F(HttpOfTheGlue, ExpectOkThrowsWhatTheStatusMeans) {
  reply_.status = 429;
  reply_.headers["retry-after"] = "7";
  try {
    call_.http().send(Request::get("https://x/")).expect_ok("list the items");
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), TOMADA_E_RATE_LIMITED);
    EXPECT_EQ(failure.http_status(), 429u);
    EXPECT_EQ(failure.retry_after_ms(), 7'000u);
    EXPECT_EQ(failure.message(), "list the items: HTTP 429");
  }
  EXPECT_EQ(Response::status_for_http(401), TOMADA_E_UNAUTHENTICATED);
  EXPECT_EQ(Response::status_for_http(403), TOMADA_E_FORBIDDEN);
  EXPECT_EQ(Response::status_for_http(404), TOMADA_E_NOT_FOUND);
  EXPECT_EQ(Response::status_for_http(422), TOMADA_E_PERMANENT);
  EXPECT_EQ(Response::status_for_http(502), TOMADA_E_UNAVAILABLE);
}

TEST_F(HttpOfTheGlue, AnUploadHandsItsHandleToTheResponse) {
  reply_.status = 201;
  {
    Upload upload = call_.http().open(Request("PUT", "https://x/"), 6);
    upload.write("abc");
    upload.write("def");
    const Response response = std::move(upload).finish();
    EXPECT_EQ(response.status(), 201u);
    EXPECT_EQ(fake_.responses.size(), 1u);
  }
  EXPECT_TRUE(fake_.responses.empty());
  EXPECT_EQ(fake_.requests[0].body, "abcdef");
  { Upload dropped = call_.http().open(Request("PUT", "https://x/")); }
  EXPECT_TRUE(fake_.responses.empty());
}

TEST_F(HttpOfTheGlue, StorageTellsAbsenceFromEmptiness) {
  EXPECT_EQ(call_.storage().get("k"), std::nullopt);
  call_.storage().put("k", "");
  EXPECT_EQ(call_.storage().get("k"), "");
  call_.storage().remove("k");
  EXPECT_EQ(call_.storage().get("k"), std::nullopt);
}

TEST_F(HttpOfTheGlue, AMissingServiceIsNamed) {
  try {
    (void)call_.crypto();
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), TOMADA_E_UNSUPPORTED);
    EXPECT_EQ(failure.message(), "this host lacks the service unstable.crypto/1");
  }
}

}  // namespace
