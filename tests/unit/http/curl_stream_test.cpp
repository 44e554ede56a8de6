// Bodies in pieces, back-pressure in both directions, and cancellation.
#include "host/http/curl_exchange.hpp"
#include "tests/unit/http/curl_fixture.hpp"

#include <atomic>
#include <future>
#include <mutex>

namespace tomada::http {
namespace {

using namespace std::chrono_literals;

struct CurlStreamTest : CurlFixture {
  /// Drives one task to its end.
  void go(std::function<void(runtime::Task&)> fn) {
    bool done = false;
    runtime::spawn("test", loop, runtime::Deadline::after(clock, 60s), [&](runtime::Task& task) {
      fn(task);
      done = true;
    });
    loop.run_until([&] { return done; });
  }
  static Request upload_to(const TestServer& server, std::optional<std::uint64_t> length) {
    Request request;
    request.method = "PUT";
    request.url = server.url();
    request.streamed_length = length;
    return request;
  }
};

TEST_F(CurlStreamTest, UploadsInPiecesWithAndWithoutALength) {
  std::mutex mutex;
  std::string head, body;
  TestServer server([&](Connection& connection) {
    while (true) {
      const std::string next_head = connection.read_head();
      if (next_head.empty()) return;
      const std::string next_body = connection.read_body(next_head);
      {
        const std::lock_guard lock(mutex);
        head = next_head;
        body = next_body;
      }
      connection.reply("done");
    }
  });
  const std::string piece(100'000, 'p');
  for (const bool known : {true, false}) {
    go([&](runtime::Task& task) {
      auto exchange = *client->open(task, upload_to(server, known ? std::optional(10 * piece.size()) : std::nullopt));
      for (int i = 0; i < 10; ++i) ASSERT_TRUE(exchange->write(task, piece).has_value());
      const auto answer = exchange->finish(task);
      ASSERT_TRUE(answer.has_value()) << answer.error().message;
      EXPECT_EQ(*read_all(task, *exchange), "done");
    });
    const std::lock_guard lock(mutex);
    EXPECT_EQ(body.size(), 10 * piece.size());
    EXPECT_NE(head.find(known ? "Content-Length: 1000000" : "Transfer-Encoding: chunked"), std::string::npos) << head;
  }
  EXPECT_EQ(server.connections_count(), 1u);
}

TEST_F(CurlStreamTest, AnUploadWaitsForAServerThatDoesNotRead) {
  constexpr std::size_t k_bytes = 64 * 1024 * 1024;
  std::promise<void> may_read;
  std::atomic<std::size_t> received{0};
  TestServer server([&](Connection& connection) {
    (void)connection.read_head();
    may_read.get_future().wait();
    while (received < k_bytes) {
      const auto bytes = connection.read_some(65536);
      if (bytes.empty()) return;
      received += bytes.size();
    }
    connection.reply("");
  });
  std::size_t written = 0;
  bool done = false;
  runtime::spawn("upload", loop, runtime::Deadline::after(clock, 60s), [&](runtime::Task& task) {
    auto exchange = *client->open(task, upload_to(server, k_bytes));
    const std::string piece(64 * 1024, 'p');
    while (written < k_bytes) {
      ASSERT_TRUE(exchange->write(task, piece).has_value());
      written += piece.size();
    }
    EXPECT_TRUE(exchange->finish(task).has_value());
    done = true;
  });
  // Runs until nothing moves any more: the kernel's buffers and ours are full.
  for (int quiet = 0; quiet < 2000;) quiet = loop.run_ready() ? 0 : quiet + 1;
  EXPECT_LT(written, k_bytes / 2);
  may_read.set_value();
  loop.run_until([&] { return done; });
  EXPECT_EQ(received, k_bytes);
}

TEST_F(CurlStreamTest, ADownloadHoldsTheServerBack) {
  constexpr std::size_t k_bytes = 64 * 1024 * 1024;
  std::atomic<std::size_t> sent{0};
  TestServer server([&](Connection& connection) {
    (void)connection.read_head();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(k_bytes) + "\r\n\r\n");
    const std::string piece(64 * 1024, 'p');
    while (sent < k_bytes && connection.write(piece)) sent += piece.size();
  });
  go([&](runtime::Task& task) {
    Request request;
    request.url = server.url();
    auto exchange = *client->open(task, std::move(request));
    ASSERT_TRUE(exchange->finish(task).has_value());
    for (int i = 0; i < 2000; ++i) ASSERT_TRUE(runtime::sleep_for(task, 0ns).has_value());
    EXPECT_LT(sent.load(), k_bytes / 2);
    const auto body = read_all(task, *exchange, k_bytes);
    ASSERT_TRUE(body.has_value()) << body.error().message;
    EXPECT_EQ(body->size(), k_bytes);
  });
}

TEST_F(CurlStreamTest, AServerThatRefusesTheUploadIsHeard) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.reply("too large", "Connection: close\r\n", "413 Payload Too Large");
    connection.wait_for_close();
  });
  go([&](runtime::Task& task) {
    auto exchange = *client->open(task, upload_to(server, std::nullopt));
    const std::string piece(64 * 1024, 'p');
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(exchange->write(task, piece).has_value());
    const auto head = exchange->finish(task);
    ASSERT_TRUE(head.has_value()) << head.error().message;
    EXPECT_EQ(head->status, 413);
    EXPECT_EQ(*read_all(task, *exchange), "too large");
  });
}

TEST_F(CurlStreamTest, TheAnnouncedLengthIsKept) {
  TestServer server(always(""));
  go([&](runtime::Task& task) {
    auto exchange = *client->open(task, upload_to(server, 10));
    EXPECT_EQ(exchange->write(task, "12345678901").error().code, Errc::invalid_data);
    ASSERT_TRUE(exchange->write(task, "12345").has_value());
    const auto head = exchange->finish(task);
    ASSERT_TRUE(head.has_error());
    EXPECT_EQ(head.error().code, Errc::invalid_data);
    EXPECT_EQ(head.error().message, "the body ended after 5 of the 10 bytes announced");
    EXPECT_EQ(exchange->write(task, "x").error().code, Errc::invalid_data);
  });
}

TEST_F(CurlStreamTest, CancellationEndsTheWaitForTheHeader) {
  std::promise<void> arrived;
  TestServer server([&](Connection& connection) {
    (void)connection.read_head();
    arrived.set_value();
    connection.wait_for_close();  // returns only because the cancelled request closes its connection
  });
  std::optional<Errc> outcome;
  runtime::spawn("cancelled", loop, runtime::Deadline::never(), [&](runtime::Task& task) {
    Request request;
    request.url = server.url();
    outcome = fetch(task, *client, std::move(request)).error().code;
  });
  auto is_there = arrived.get_future();
  loop.run_until([&] {
    loop.post([] {});
    return is_there.wait_for(0s) == std::future_status::ready;
  });
  loop.cancel_tasks();
  loop.run_until([&] { return outcome.has_value(); });
  EXPECT_EQ(outcome, Errc::cancelled);
}

TEST_F(CurlStreamTest, CancellationEndsARead) {
  TestServer server([](Connection& connection) {
    (void)connection.read_head();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    connection.wait_for_close();
  });
  std::optional<Errc> outcome;
  bool reading = false;
  runtime::spawn("cancelled", loop, runtime::Deadline::never(), [&](runtime::Task& task) {
    Request request;
    request.url = server.url();
    auto exchange = *client->open(task, std::move(request));
    ASSERT_TRUE(exchange->finish(task).has_value());
    std::array<char, 3> buffer{};
    for (std::size_t got = 0; got < 3;) got += *exchange->read(task, buffer);
    reading = true;
    outcome = exchange->read(task, buffer).error().code;
    EXPECT_EQ(exchange->read(task, buffer).error().code, Errc::cancelled);
  });
  loop.run_until([&] { return reading; });
  loop.cancel_tasks();
  loop.run_until([&] { return outcome.has_value(); });
  EXPECT_EQ(outcome, Errc::cancelled);
}

TEST_F(CurlStreamTest, AnExchangeMayBeDroppedAtAnyMoment) {
  TestServer server(always(std::string(1024 * 1024, 'x')));
  for (int moment = 0; moment < 60; ++moment) {
    go([&](runtime::Task& task) {
      Request request;
      request.url = moment % 2 == 0 ? server.url() : "http://localhost:" + std::to_string(server.port()) + "/";
      auto exchange = *client->open(task, std::move(request));
      for (int i = 0; i < moment; ++i) ASSERT_TRUE(runtime::sleep_for(task, 0ns).has_value());
    });
  }
  EXPECT_TRUE(get(server.url()).has_value());
}

}  // namespace
}  // namespace tomada::http
