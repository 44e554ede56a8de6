// Over real loopback sockets: what a client on the wire sees.
#include "host/serve/server.hpp"

#include "host/serve/session.hpp"
#include "tests/unit/serve/wire_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <future>
#include <semaphore>

namespace tomada::serve {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

struct ServerTest : testing::Test {
  runtime::SystemClock clock;
  std::unique_ptr<runtime::Loops> loops = std::make_unique<runtime::Loops>(clock, 2);
  std::unique_ptr<Server> server;
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("tomada-serve-" + std::to_string(getpid()));
  std::binary_semaphore entered{0};
  std::promise<void> gate;
  std::shared_future<void> open_gate = gate.get_future().share();

  Answer handle(runtime::Task& task, const Request& request) {
    if (request.path == "/slow") {
      entered.release();
      while (open_gate.wait_for(0s) != std::future_status::ready)
        if (auto slept = runtime::sleep_for(task, 1ms); slept.has_error()) return slept.error();
    }
    if (request.path == "/throw") throw std::runtime_error("planted");
    return {200, "text/plain", request.method + " " + request.path + "?" + request.query + " " + request.body +
                                   (request.origin == Origin::control ? " control" : "")};
  }
  void start(ServerLimits limits = {}) {
    std::filesystem::create_directories(folder);
    server = std::make_unique<Server>(*loops, [this](runtime::Task& task, const Request& request) { return handle(task, request); }, limits);
    ASSERT_TRUE(server->listen({"127.0.0.1", 0}).has_value());
    loops->start();
  }
  void TearDown() override {
    if (server) server->stop(5s);
    loops->stop();
    server.reset();
    std::filesystem::remove_all(folder);
  }
};

TEST_F(ServerTest, KeepsTheConnectionForTheNextRequest) {
  start();
  Client client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.send_text("POST /a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    const std::string answer = client.answer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("POST /a?x=1 hello"));
    EXPECT_THAT(answer, HasSubstr("Connection: keep-alive"));
  }
  client.send_text("GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("Connection: close"));
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  Client client(server->port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send_text(all);
  for (int i = 0; i < 50; ++i) EXPECT_THAT(client.answer(), HasSubstr("GET /" + std::to_string(i) + "?"));
}

TEST_F(ServerTest, UnderstandsChunkedBodiesAndExpect) {
  start();
  Client client(server->port());
  client.send_text("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("POST /c? abcde"));
  client.send_text("POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.answer(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send_text("ok");
  EXPECT_THAT(client.answer(), HasSubstr("POST /e? ok"));
}

TEST_F(ServerTest, HeadHasNoBody) {
  start();
  Client client(server->port());
  client.send_text("HEAD /h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answer = client.answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, ABodyOverTheLimitIs413) {
  start({.body_bytes_max = 1000});
  Client announced(server->port());
  announced.send_text("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_THAT(announced.answer(), StartsWith("HTTP/1.1 413 "));
  Client chunked(server->port());
  chunked.send_text("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') + "\r\n0\r\n\r\n");
  const std::string answer = chunked.answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("application/problem+json"));
  EXPECT_THAT(answer, HasSubstr("1000 bytes"));
}

TEST_F(ServerTest, AHeaderOverTheLimitIs431) {
  start({.header_bytes_max = 2000});
  Client client(server->port());
  client.send_text("GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + std::string(4000, 'x') + "\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, ARequestThatDoesNotArriveIs408) {
  start({.request_timeout = 50ms});
  Client client(server->port());
  client.send_text("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  const std::string answer = client.answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(answer, HasSubstr("50 ms"));
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, AnIdleConnectionIsClosedWithoutAWord) {
  start({.idle_timeout = 50ms});
  Client client(server->port());
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, WhatIsNotHttpIs400) {
  start();
  for (const char* text : {"hello\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                           "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    Client client(server->port());
    client.send_text(text);
    EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 400 ")) << text;
  }
}

TEST_F(ServerTest, AHandlersExceptionIs500AndTheServerLives) {
  start();
  Client client(server->port());
  client.send_text("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 500 "));
  client.send_text("GET /fine HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AHandlerHasADeadline) {
  start({.request_timeout = 50ms});
  Client client(server->port());
  client.send_text("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 504 "));
}

TEST_F(ServerTest, OneConnectionTooManyIs503) {
  start({.connections_max = 1});
  Client first(server->port());
  first.send_text("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(first.answer(), StartsWith("HTTP/1.1 200 "));
  Client second(server->port());
  EXPECT_THAT(second.answer(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ServerTest, StopLetsRunningRequestsFinishAndEndsIdleOnes) {
  start();
  Client idle(server->port());
  Client busy(server->port());
  busy.send_text("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.acquire();
  auto stopping = std::async(std::launch::async, [this] { server->stop(10s); });
  EXPECT_TRUE(idle.at_end());
  gate.set_value();
  const std::string answer = busy.answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  stopping.get();
  EXPECT_FALSE(Client(server->port()).connected());
}

TEST_F(ServerTest, APortInUseIsASentence) {
  start();
  runtime::Loops others(clock, 1);
  Server second(others, [](runtime::Task&, const Request&) { return Answer(); }, {});
  auto listened = second.listen({"127.0.0.1", server->port()});
  ASSERT_TRUE(listened.has_error());
  EXPECT_EQ(listened.error().code, Errc::unavailable);
  EXPECT_THAT(listened.error().message, HasSubstr("in use by another program"));
  EXPECT_THAT(listened.error().message, HasSubstr("--listen"));
  EXPECT_THAT(second.listen({"192.0.2.1", 1}).error().message, HasSubstr("no such address"));
}

TEST_F(ServerTest, TheControlSocketIsPrivateAndTellsItsOrigin) {
  start();
  const auto path = folder / "control.sock";
  ASSERT_TRUE(server->listen_control(path).has_value());
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  {
    Client client(path);
    client.send_text("GET /who HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.answer(), HasSubstr("control"));
  }
  auto second = server->listen_control(path);
  ASSERT_TRUE(second.has_error());
  EXPECT_EQ(second.error().code, Errc::conflict);
  server->stop(5s);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ServerTest, AStaleControlSocketIsReplaced) {
  start();
  const auto path = folder / "control.sock";
  {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(fd);
  }
  EXPECT_TRUE(server->listen_control(path).has_value());
  const auto plain = folder / "file";
  std::ofstream(plain) << "keep me";
  EXPECT_THAT(server->listen_control(plain).error().message, HasSubstr("not a socket"));
  EXPECT_TRUE(std::filesystem::exists(plain));
  const auto longer = folder / std::string(120, 'x');
  EXPECT_THAT(server->listen_control(longer).error().message, HasSubstr("107"));
}

TEST(HttpDate, IsImfFixdate) {
  EXPECT_EQ(http_date(runtime::WallTime(std::chrono::seconds(784111777))), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace tomada::serve
