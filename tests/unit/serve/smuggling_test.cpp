// Requests that two servers in a row could read in two ways: refused, and nothing after them is read.
#include "host/serve/server.hpp"
#include "tests/unit/serve/wire_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

namespace tomada::serve {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::StartsWith;

struct SmugglingTest : testing::Test {
  runtime::SystemClock clock;
  runtime::Loops loops{clock, 1};
  std::atomic<int> handled{0};
  std::string last;
  std::unique_ptr<Server> server;

  void start(ServerLimits limits = {}) {
    server = std::make_unique<Server>(loops, [this](runtime::Task&, const Request& request) -> Answer {
      last = request.method + " " + request.target + " " + request.body;
      for (const auto& [name, value] : request.headers) last += " " + name + "=" + value;
      ++handled;
      return {200, "text/plain", "fine"};
    }, limits);
    ASSERT_TRUE(server->listen({"127.0.0.1", 0}).has_value());
    loops.start();
  }
  void TearDown() override {
    server->stop(5s);
    loops.stop();
  }
  /// Sends `text` and a clean request behind it: the first is refused, the second never seen.
  void expect_refused(const std::string& text, const char* status = "HTTP/1.1 400 ") {
    const int before = handled;
    Client client(server->port());
    client.send_text(text + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.answer(), StartsWith(status)) << text;
    EXPECT_TRUE(client.at_end()) << text;
    EXPECT_EQ(handled, before) << text;
  }
};

TEST_F(SmugglingTest, LengthAndEncodingMustBeClear) {
  start();
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  for (const std::string& framing :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"s, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"s,
        "Content-Length: 5\r\nContent-Length: 5\r\n"s, "Content-Length: 5\r\nContent-Length: 6\r\n"s, "Content-Length: 5, 5\r\n"s,
        "Content-Length: +5\r\n"s, "Content-Length: -5\r\n"s, "Content-Length: 0x5\r\n"s, "Content-Length: 5 5\r\n"s,
        "Content-Length: \r\n"s, "Content-Length: 99999999999999999999\r\n"s, "Content-Length: 5;\r\n"s,
        "Transfer-Encoding: xchunked\r\n"s, "Transfer-Encoding: chunked, chunked\r\n"s, "Transfer-Encoding: chunked, identity\r\n"s,
        "Transfer-Encoding: gzip, chunked\r\n"s, "Transfer-Encoding: identity\r\n"s, "Transfer-Encoding: \"chunked\"\r\n"s,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"s, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"s,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"s, "Transfer-Encoding:\x0b" "chunked\r\n"s,
        "Transfer-Encoding : chunked\r\n"s, "Transfer-Encoding\t: chunked\r\n"s, " Transfer-Encoding: chunked\r\n"s,
        "X: y\r\n Transfer-Encoding: chunked\r\n"s, "X: y\nTransfer-Encoding: chunked\r\n"s, "X: y\rTransfer-Encoding: chunked\r\n"s,
        "Transfer-Encoding:\r\n chunked\r\n"s, "Content-Length\0: 5\r\n"s, "X: a\0b\r\n"s, "Content Length: 5\r\n"s, ": 5\r\n"s, "novalue\r\n"s})
    expect_refused(head + framing + "\r\n");
  expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_F(SmugglingTest, TheRequestLineAndTheHostMustBeClear) {
  start();
  for (const std::string& text :
       {"GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"s, "GET //\x01 HTTP/1.1\r\nHost: h\r\n\r\n"s, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"s,
        "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"s, "GET / HTTP/1.1\r\n\r\n"s, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"s,
        "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"s, "GET /\0x HTTP/1.1\r\nHost: h\r\n\r\n"s, "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"s,
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n"s, "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"s, "GET /\nHost: h\n\n"s, "G\"T / HTTP/1.1\r\nHost: h\r\n\r\n"s,
        "GET / HTTP/2.0\r\nHost: h\r\n\r\n"s, "GET / http/1.1\r\nHost: h\r\n\r\n"s, "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"s})
    expect_refused(text);
}

TEST_F(SmugglingTest, ChunksMustBeClear) {
  start({.header_bytes_max = 2'000, .body_bytes_max = 10'000});
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& chunks :
       {"z\r\n"s, "-1\r\n"s, "+1\r\na\r\n"s, "0x1\r\na\r\n"s, " 1\r\na\r\n"s, "\r\n"s, "1\r\nab\r\n"s, "1\na\r\n"s, "1;a\nb\r\na\r\n"s, "1\r\na\n0\r\n\r\n"s,
        "3\r\nabc0\r\n\r\n"s, "0\r\nContent-Length: 5\r\n\r\n"s, "0\r\nTransfer-Encoding: chunked\r\n\r\n"s, "0\r\nno colon\r\n\r\n"s, "1 1\r\na\r\n"s,
        "11111111111111111\r\n"s})
    expect_refused(head + chunks);
  expect_refused(head + "1;" + std::string(5'000, 'x'));
  expect_refused(head + "0\r\nA: " + std::string(5'000, 'x'), "HTTP/1.1 4");
  std::string small;
  for (int i = 0; i < 5'000; ++i) small += "1;" + std::string(10, 'e') + "\r\nx\r\n";  // below the body's limit, but not on the wire
  expect_refused(head + small);
}

TEST_F(SmugglingTest, TrailersAreNoHeaders) {
  start();
  Client client(server->port());
  client.send_text("POST /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(last, "POST /t abc Host=h Transfer-Encoding=chunked");
}

TEST_F(SmugglingTest, ABodyIsNeverTheNextRequest) {
  start();
  Client client(server->port());
  const std::string inner = "GET /inner HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send_text("POST /outer HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(inner.size()) + "\r\n\r\n" + inner +
                   "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(handled, 2);
  EXPECT_THAT(last, StartsWith("GET /next"));
}

TEST_F(SmugglingTest, BytesThatTrickleInMakeTheSameRequest) {
  start();
  Client client(server->port());
  for (const char c : "POST /drip?a=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"s) client.send_text(std::string(1, c));
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(last, StartsWith("POST /drip?a=1 hello"));
}

}  // namespace
}  // namespace tomada::serve
