#include "tests/unit/http/curl_fixture.hpp"

#include <mutex>
#include <vector>

namespace tomada::http {
namespace {

using namespace std::chrono_literals;
using CurlClientTest = CurlFixture;

constexpr unsigned char k_gzip_of_hello[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd,
                                             0xc9, 0xc9, 0x07, 0x00, 0x86, 0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00};

TEST_F(CurlClientTest, ReadsStatusHeadersAndBody) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.reply("hello", "X-One:  a b \r\nx-two: c\r\n", "404 Not Found");
  });
  const auto response = get(server.url());
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->head.status, 404);
  EXPECT_EQ(*find_header(response->head.headers, "x-one"), "a b");
  EXPECT_EQ(*find_header(response->head.headers, "X-Two"), "c");
  EXPECT_EQ(find_header(response->head.headers, "x-three"), nullptr);
  EXPECT_EQ(response->body, "hello");
}

TEST_F(CurlClientTest, ReusesItsConnection) {
  TestServer server(always("x"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(get(server.url()).has_value());
  EXPECT_EQ(server.connections_count(), 1u);
}

TEST_F(CurlClientTest, OpensANewConnectionWhenTheServerClosedTheOld) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.reply("x");  // and closes
  });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(get(server.url()).has_value());
  EXPECT_EQ(server.connections_count(), 5u);
}

TEST_F(CurlClientTest, SendsMethodHeadersAndBodyAsGiven) {
  std::string head, body;
  TestServer server([&](Connection& connection) {
    head = connection.read_head();
    body = connection.read_body(head);
    connection.reply("");
  });
  Request request;
  request.method = "PATCH";
  request.url = server.url("/a/../b%20c//d?x=%2F+y");
  request.headers = {{"X-Own", " v "}, {"X-Empty", ""}, {"Content-Length", "4"}};
  request.body = std::string("a\0bc", 4);
  ASSERT_TRUE(get(std::move(request)).has_value());
  EXPECT_TRUE(head.starts_with("PATCH /a/../b%20c//d?x=%2F+y HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("\r\nX-Own: v\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nX-Empty:\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nUser-Agent: Tomada/"), std::string::npos);
  EXPECT_EQ(head.find("Expect"), std::string::npos);
  EXPECT_EQ(head.find("Content-Type"), std::string::npos);
  EXPECT_EQ(head.find("Content-Length"), head.rfind("Content-Length"));
  EXPECT_EQ(body, std::string("a\0bc", 4));
}

TEST_F(CurlClientTest, EachMethodLeavesNothingForTheNext) {
  std::vector<std::string> heads;
  TestServer server([&](Connection& connection) {
    for (std::string head = connection.read_head(); !head.empty(); head = connection.read_head()) {
      heads.push_back(head.substr(0, head.find(' ')));
      (void)connection.read_body(head);
      const bool leaked = heads.size() > 1 && head.find("X-Secret") != std::string::npos;
      if (heads.back() == "HEAD") connection.write("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
      else connection.reply(leaked ? "leaked" : "ok");
    }
  });
  for (const char* method : {"POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "GET"}) {
    Request request;
    request.method = method;
    request.url = server.url();
    if (heads.empty()) request.headers = {{"X-Secret", "s"}};
    const auto response = get(std::move(request));
    ASSERT_TRUE(response.has_value()) << method << ": " << response.error().message;
    EXPECT_EQ(response->body, std::string(method) == "HEAD" ? "" : "ok");
  }
  EXPECT_EQ(heads, (std::vector<std::string>{"POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "GET"}));
  EXPECT_EQ(server.connections_count(), 1u);
}

TEST_F(CurlClientTest, ReadsChunksAndIgnoresTrailersAndInterimAnswers) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.write("3\r\nabc\r\n");
    connection.write("4\r\ndefg\r\n0\r\nX-Trailer: t\r\n\r\n");
  });
  const auto response = get(server.url());
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->head.status, 200);
  EXPECT_EQ(response->body, "abcdefg");
  EXPECT_EQ(find_header(response->head.headers, "Link"), nullptr);
}

TEST_F(CurlClientTest, Decompresses) {
  std::string asked;
  TestServer server([&](Connection& connection) {
    asked = connection.read_head();
    std::string body;
    for (const unsigned char byte : k_gzip_of_hello) body += static_cast<char>(byte);
    connection.reply(body, "Content-Encoding: gzip\r\n");
  });
  const auto response = get(server.url());
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->body, "hello");
  EXPECT_NE(asked.find("Accept-Encoding: deflate, gzip"), std::string::npos) << asked;
}

TEST_F(CurlClientTest, KeepsNoCookies) {
  int with_cookie = 0;
  TestServer server([&](Connection& connection) {
    for (std::string head = connection.read_head(); !head.empty(); head = connection.read_head()) {
      if (head.find("Cookie") != std::string::npos) ++with_cookie;
      connection.reply("", "Set-Cookie: a=b\r\n");
    }
  });
  ASSERT_TRUE(get(server.url()).has_value());
  ASSERT_TRUE(get(server.url()).has_value());
  EXPECT_EQ(with_cookie, 0);
}

TEST_F(CurlClientTest, DoesNotFollowRedirectsItself) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.reply("", "Location: /other\r\n", "302 Found");
  });
  EXPECT_EQ(get(server.url())->head.status, 302);
}

TEST_F(CurlClientTest, AThousandRequestsWaitAtOnceOnOneLoop) {
  constexpr int k_requests_count = 1000;
  std::mutex mutex;
  std::condition_variable all_here;
  int arrived = 0;
  TestServer server([&](Connection& connection) {
    (void)connection.read_head();
    std::unique_lock lock(mutex);
    if (++arrived == k_requests_count) all_here.notify_all();
    all_here.wait(lock, [&] { return arrived == k_requests_count; });
    lock.unlock();
    connection.reply("ok");
  });
  int answered = 0, ended = 0;
  for (int i = 0; i < k_requests_count; ++i) {
    runtime::spawn("request", loop, runtime::Deadline::after(clock, 60s), [&](runtime::Task& task) {
      Request request;
      request.url = server.url();
      const auto response = fetch(task, *client, std::move(request));
      if (response.has_value() && response->body == "ok") ++answered;
      ++ended;
    });
  }
  loop.run_until([&] { return ended == k_requests_count; });
  EXPECT_EQ(answered, k_requests_count);
}

TEST_F(CurlClientTest, TheClientCanGoBeforeItsLoop) {
  TestServer server(always("x"));
  ASSERT_TRUE(get(server.url()).has_value());
  client.reset();
  while (loop.run_ready()) {
  }
}

}  // namespace
}  // namespace tomada::http
