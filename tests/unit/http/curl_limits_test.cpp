// What servers and callers do wrong, and what comes of it.
#include "tests/unit/http/curl_fixture.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tomada::http {
namespace {

using namespace std::chrono_literals;

struct CurlLimitsTest : CurlFixture {
  Error error_of(Request request) {
    auto response = get(std::move(request));
    if (response.has_value()) return fail(Errc{}, "no error");
    return std::move(response).error();
  }
  Error error_of(const std::string& url) {
    Request request;
    request.url = url;
    return error_of(std::move(request));
  }
};

bool contains(const Error& error, std::string_view text) { return error.message.find(text) != std::string::npos; }

TEST_F(CurlLimitsTest, ASlowHeaderEndsWithTheTimeout) {
  TestServer server([](Connection& connection) { connection.wait_for_close(); });
  Request request;
  request.url = server.url();
  request.timeout = 50ms;
  const auto error = error_of(std::move(request));
  EXPECT_EQ(error.code, Errc::deadline);
  EXPECT_TRUE(contains(error, "no answer from 127.0.0.1:")) << error.message;
  EXPECT_TRUE(contains(error, " after 5")) << error.message;
}

TEST_F(CurlLimitsTest, ASlowBodyEndsWithTheTimeout) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    connection.wait_for_close();
  });
  Request request;
  request.url = server.url();
  request.timeout = 50ms;
  const auto error = error_of(std::move(request));
  EXPECT_EQ(error.code, Errc::deadline);
  EXPECT_TRUE(contains(error, "was not complete after")) << error.message;
}

TEST_F(CurlLimitsTest, TheTasksDeadlineEndsTheRequest) {
  TestServer server([](Connection& connection) { connection.wait_for_close(); });
  std::optional<Error> error;
  runtime::spawn("late", loop, runtime::Deadline::after(clock, 50ms), [&](runtime::Task& task) {
    Request request;
    request.url = server.url();
    auto response = fetch(task, *client, std::move(request));
    error = response.has_error() ? response.error() : fail(Errc{}, "no error");
  });
  loop.run_until([&] { return error.has_value(); });
  EXPECT_EQ(error->code, Errc::deadline);
  EXPECT_TRUE(contains(*error, "ms")) << error->message;
}

TEST_F(CurlLimitsTest, AHangUpBeforeTheAnswerIsUnavailable) {
  TestServer server([](Connection& connection) { (void)connection.read_head(); });
  const auto error = error_of(server.url());
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_TRUE(contains(error, "closed the connection without an answer")) << error.message;
}

TEST_F(CurlLimitsTest, AHangUpInTheBodyIsUnavailableAfterWhatCame) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  });
  std::string got;
  const auto outcome = runtime::run(loop, [&](runtime::Task& task) -> Result<void> {
    Request request;
    request.url = server.url();
    TOMADA_TRY_ASSIGN(auto exchange, client->open(task, std::move(request)));
    TOMADA_TRY_ASSIGN(const auto head, exchange->finish(task));
    EXPECT_EQ(head.status, 200);
    std::array<char, 2> buffer{};
    while (true) {
      TOMADA_TRY_ASSIGN(const auto count, exchange->read(task, buffer));
      if (count == 0) return {};
      got.append(buffer.data(), count);
    }
  });
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().code, Errc::unavailable);
  EXPECT_TRUE(contains(outcome.error(), "ended early")) << outcome.error().message;
  EXPECT_EQ(got, "abc");
}

TEST_F(CurlLimitsTest, GarbageIsNotHttp) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.write("220 mail.example.com ESMTP\r\nhello there\r\n");
  });
  const auto error = error_of(server.url());
  EXPECT_EQ(error.code, Errc::invalid_data);
  EXPECT_TRUE(contains(error, "did not answer in HTTP")) << error.message;
}

TEST_F(CurlLimitsTest, AHeaderThatIsTooLargeIsRefused) {
  for (const bool one_line : {false, true}) {
    TestServer server([one_line](Connection& connection) {
      (void)connection.read_head();
      std::string head = "HTTP/1.1 200 OK\r\n";
      if (one_line) head += "X: " + std::string(3 * k_header_bytes_max, 'x') + "\r\n";
      else
        for (int i = 0; i < 1000; ++i) head += "X-" + std::to_string(i) + ": " + std::string(90, 'x') + "\r\n";
      connection.write(head + "\r\n");
      connection.wait_for_close();
    });
    const auto error = error_of(server.url());
    EXPECT_EQ(error.code, Errc::invalid_data) << error.message;
    EXPECT_TRUE(contains(error, "header of the answer")) << error.message;
  }
}

TEST_F(CurlLimitsTest, ABodyThatIsTooLargeIsRefused) {
  TestServer server(always(std::string(1001, 'x')));
  Request request;
  request.url = server.url();
  const auto response = get(std::move(request), 1000);
  ASSERT_TRUE(response.has_error());
  EXPECT_EQ(response.error().code, Errc::invalid_data);
}

TEST_F(CurlLimitsTest, BrokenCompressionIsInvalidData) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.reply("this is not gzip", "Content-Encoding: gzip\r\n");
  });
  EXPECT_EQ(error_of(server.url()).code, Errc::invalid_data);
}

TEST_F(CurlLimitsTest, ARefusedConnectionSaysSo) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);  // bound but not listening: the port stays free of others
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(fd, generic, length), 0);
  ASSERT_EQ(::getsockname(fd, generic, &length), 0);
  const std::string place = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto error = error_of("http://" + place + "/?token=hunter2");
  ::close(fd);
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_EQ(error.message, "could not connect to " + place + ": connection refused");
}

TEST_F(CurlLimitsTest, AnUnknownHostSaysSo) {
  const auto error = error_of("http://no-such-host.invalid/");
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_TRUE(contains(error, "could not find the address of no-such-host.invalid")) << error.message;
}

TEST_F(CurlLimitsTest, PrivateAddressesAreRefusedByDefault) {
  TestServer server(always("secret"));
  client = make_curl_client(loop, {});
  for (const std::string host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001"}) {
    const auto error = error_of("http://" + host + ":" + std::to_string(server.port()) + "/");
    EXPECT_EQ(error.code, Errc::forbidden) << host << ": " << error.message;
    EXPECT_TRUE(contains(error, "http.allow_private")) << error.message;
    EXPECT_TRUE(contains(error, "127.0.0.1") || contains(error, "::1")) << error.message;
  }
  EXPECT_EQ(server.connections_count(), 0u);
}

TEST_F(CurlLimitsTest, PrivateAddressesAreReachedWhenListed) {
  TestServer server(always("x"));
  const std::string port = std::to_string(server.port());
  for (const std::string& entry : {"127.0.0.1:" + port, std::string("localhost"), std::string("127.0.0.0/8")}) {
    client = make_curl_client(loop, {.ca_file = {}, .allow_private = {entry}});
    const auto response = get("http://localhost:" + port + "/");
    EXPECT_TRUE(response.has_value()) << entry << ": " << (response.has_error() ? response.error().message : "");
  }
  client = make_curl_client(loop, {.ca_file = {}, .allow_private = {"127.0.0.1:1", "not an entry"}});
  EXPECT_EQ(error_of("http://localhost:" + port + "/").code, Errc::forbidden);
}

TEST_F(CurlLimitsTest, MethodsAndHeadersThatCannotBeSentAreInvalid) {
  const auto with = [](std::string method, Headers headers) {
    Request request;
    request.method = std::move(method);
    request.url = "http://127.0.0.1:1/";
    request.headers = std::move(headers);
    return request;
  };
  for (auto& request :
       {with("G ET", {}), with("", {}), with("GET\r\nX: y", {}), with("CONNECT", {}), with("GET", {{"X", "a\r\nY: b"}}),
        with("GET", {{"X", std::string("a\0b", 3)}}), with("GET", {{"X:Y", "a"}}), with("GET", {{"", "a"}}),
        with("GET", {{"X\n", "a"}}), with("GET", {{"Content-Length", "5"}}), with("GET", {{"Transfer-Encoding", "chunked"}})})
    EXPECT_EQ(error_of(request).code, Errc::invalid_data);
  EXPECT_EQ(error_of("ftp://127.0.0.1/").code, Errc::invalid_data);
  EXPECT_FALSE(contains(error_of(with("GET", {{"Authorization", "hunter2\n"}})), "hunter2"));
}

}  // namespace
}  // namespace tomada::http
