#include "host/credentials/signing.hpp"

#include "host/http/redirects.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace tomada::credentials {
namespace {

using nlohmann::json;
using Kind = abi::AuthMethod::Kind;

abi::AuthMethod headers_method(std::vector<abi::AuthMethod::Placement> placements) {
  abi::AuthMethod method;
  method.kind = Kind::headers;
  method.placements = std::move(placements);
  return method;
}

abi::AuthMethod bearer() { return headers_method({{.in_query = false, .name = "Authorization", .value = "Bearer {token}"}}); }

abi::AuthMethod s3() {
  abi::AuthMethod method;
  method.kind = Kind::aws_sigv4;
  method.service = "s3";
  method.region = "{region}";
  return method;
}

/// Answers from a list and remembers what it was sent.
class FakeTransport final : public http::Client {
 public:
  std::vector<http::Request> sent;
  std::deque<http::Head> answers;

  Result<std::unique_ptr<http::Exchange>> open(runtime::Task&, http::Request request) override {
    sent.push_back(std::move(request));
    http::Head head{.status = 200, .headers = {}};
    if (!answers.empty()) {
      head = answers.front();
      answers.pop_front();
    }
    return std::unique_ptr<http::Exchange>(std::make_unique<Answer>(std::move(head)));
  }

 private:
  struct Answer final : http::Exchange {
    http::Head head;
    explicit Answer(http::Head answer) : head(std::move(answer)) {}
    Result<void> write(runtime::Task&, std::string_view) override { return {}; }
    Result<http::Head> finish(runtime::Task&) override { return head; }
    Result<std::size_t> read(runtime::Task&, std::span<char>) override { return std::size_t{0}; }
  };
};

struct SigningTest : testing::Test {
  runtime::ManualClock clock;
  json config = {{"region", "eu-west-1"}, {"subdomain", "acme"}, {"account", 17}};
  Credentials credentials{{"token", Secret(std::string("t0k"))},
                          {"user", Secret(std::string("ada"))},
                          {"password", Secret(std::string("pässword:x"))},
                          {"access_key_id", Secret(std::string("AKID"))},
                          {"secret_access_key", Secret(std::string("SECRETKEY"))}};

  http::Request request(std::string url = "https://api.example.com/a?x=1") {
    http::Request made;
    made.url = std::move(url);
    return made;
  }
  Result<void> authorize_with(http::Request& made, std::vector<abi::AuthMethod> methods) {
    return authorize(made, methods, config, credentials, clock.wall());
  }
};

TEST_F(SigningTest, NoMethodChangesNothing) {
  auto made = request();
  ASSERT_TRUE(authorize_with(made, {}).has_value());
  ASSERT_TRUE(authorize_with(made, {abi::AuthMethod{}}).has_value());
  EXPECT_TRUE(made.headers.empty());
}

TEST_F(SigningTest, FillsHeadersAndReplacesTheCallersOwn) {
  auto made = request();
  made.headers = {{"authorization", "Bearer forged"}, {"X-Own", "kept"}};
  auto method = bearer();
  method.placements.push_back({.in_query = false, .name = "X-Account", .value = "{subdomain}/{account}"});
  ASSERT_TRUE(authorize_with(made, {method}).has_value());
  EXPECT_EQ(made.headers, (http::Headers{{"X-Own", "kept"}, {"Authorization", "Bearer t0k"}, {"X-Account", "acme/17"}}));
}

TEST_F(SigningTest, FillsTheQueryAndReplacesTheCallersOwn) {
  auto made = request("https://h/a?api_key=forged&x=1&api%5Fkey=forged");
  credentials.insert_or_assign("token", Secret(std::string("a&b=c d")));
  ASSERT_TRUE(authorize_with(made, {headers_method({{.in_query = true, .name = "api_key", .value = "{token}"}})}).has_value());
  EXPECT_EQ(made.url, "https://h/a?x=1&api_key=a%26b%3Dc%20d");
}

TEST_F(SigningTest, SendsBasic) {
  auto made = request();
  abi::AuthMethod method;
  method.kind = Kind::basic;
  method.username = "{user}";
  method.password = "{password}";
  ASSERT_TRUE(authorize_with(made, {method}).has_value());
  EXPECT_EQ(*http::find_header(made.headers, "Authorization"), "Basic YWRhOnDDpHNzd29yZDp4");
}

TEST_F(SigningTest, SignsForAwsWithTheRegionOfTheConfig) {
  auto made = request("https://b.s3.eu-west-1.amazonaws.com/k?b=2&a=1");
  credentials.insert_or_assign("session_token", Secret(std::string("SESSION")));
  ASSERT_TRUE(authorize_with(made, {s3()}).has_value());
  const auto& authorization = *http::find_header(made.headers, "Authorization");
  EXPECT_TRUE(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/s3/aws4_request, ")) << authorization;
  EXPECT_NE(authorization.find("x-amz-security-token"), std::string::npos);
  EXPECT_EQ(*http::find_header(made.headers, "X-Amz-Security-Token"), "SESSION");
  EXPECT_EQ(made.url, "https://b.s3.eu-west-1.amazonaws.com/k?a=1&b=2");
}

TEST_F(SigningTest, UsesTheFirstMethodThatIsComplete) {
  auto made = request();
  const auto lacking = headers_method({{.in_query = false, .name = "X-Key", .value = "{api_key}"}});
  ASSERT_TRUE(authorize_with(made, {lacking, bearer()}).has_value());
  EXPECT_EQ(made.headers, (http::Headers{{"Authorization", "Bearer t0k"}}));
}

TEST_F(SigningTest, NamesWhatIsMissingAndNothingElse) {
  auto made = request();
  credentials = {{"secret_access_key", Secret(std::string("SECRETKEY"))}, {"token", Secret()}};
  config = json::object();
  const auto outcome = authorize_with(made, {bearer(), s3()});
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().code, Errc::unauthenticated);
  EXPECT_EQ(outcome.error().message, "this integration lacks credentials: token, or access_key_id, region");
  EXPECT_TRUE(made.headers.empty());
}

TEST_F(SigningTest, AuthenticateFalseSendsNothing) {
  FakeTransport transport;
  const std::vector<abi::AuthMethod> methods{bearer()};
  const auto client = make_signing_client(transport, methods, config, credentials, clock);
  runtime::Loop loop(clock);
  const auto response = runtime::run(loop, [&](runtime::Task& task) {
    auto made = request();
    made.authenticate = false;
    return http::fetch(task, *client, std::move(made));
  });
  ASSERT_TRUE(response.has_value());
  EXPECT_TRUE(transport.sent.at(0).headers.empty());
}

TEST_F(SigningTest, EachRedirectIsSignedAnew) {
  FakeTransport transport;
  transport.answers.push_back({.status = 307, .headers = {{"Location", "https://b.s3.eu-west-1.amazonaws.com/k"}}});
  const std::vector<abi::AuthMethod> methods{s3()};
  const auto signing = make_signing_client(transport, methods, config, credentials, clock);
  const auto client = http::make_redirecting_client(*signing);
  runtime::Loop loop(clock);
  const auto response = runtime::run(loop, [&](runtime::Task& task) {
    auto made = request("https://b.s3.amazonaws.com/k");
    made.method = "PUT";
    made.body = "payload";
    made.may_follow = [](std::string_view) { return Result<void>(); };
    return http::fetch(task, *client, std::move(made));
  });
  ASSERT_TRUE(response.has_value()) << response.error().message;
  ASSERT_EQ(transport.sent.size(), 2u);
  const auto& first = transport.sent[0];
  const auto& second = transport.sent[1];
  EXPECT_EQ(*http::find_header(first.headers, "Host"), "b.s3.amazonaws.com");
  EXPECT_EQ(*http::find_header(second.headers, "Host"), "b.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(second.body, "payload");
  EXPECT_NE(*http::find_header(first.headers, "Authorization"), *http::find_header(second.headers, "Authorization"));
}

}  // namespace
}  // namespace tomada::credentials
