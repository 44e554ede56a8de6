#include "host/worker/channel.hpp"

#include "host/runtime/task.hpp"
#include "host/worker/wire.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <tuple>
#include <vector>

namespace tomada::worker {
namespace {

struct Keeps final : Channel::Receiver {
  std::vector<std::tuple<Kind, std::uint64_t, std::string>> messages;
  std::optional<Error> why;

  Result<void> received(Kind kind, std::uint64_t id, std::string_view body) override {
    messages.emplace_back(kind, id, body);
    return {};
  }
  void closed(const Error& error) override { why = error; }
};

struct ChannelTest : testing::Test {
  runtime::SystemClock clock;
  runtime::Loop loop{clock};
  int sockets[2]{};
  Keeps left, right;
  std::optional<Channel> a, b;

  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets), 0);
    a.emplace(loop, sockets[0], left);
    a->start();
  }
  void open_right() {
    b.emplace(loop, sockets[1], right);
    b->start();
  }
  static std::string frame(std::uint32_t bytes, std::uint8_t kind, std::uint8_t more, std::uint16_t zero, std::string_view body) {
    std::string text;
    Writer(text).put(bytes).put(kind).put(more).put(zero).put(std::uint64_t{1});
    return text.append(body);
  }
  void write_raw(const std::string& bytes) {
    ASSERT_EQ(::write(sockets[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
};

TEST_F(ChannelTest, MessagesArriveWholeAndInOrder) {
  open_right();
  for (std::uint64_t i = 0; i < 1000; ++i) a->send(Kind::call, i, std::string(i, 'x'));
  loop.run_until([&] { return right.messages.size() == 1000; });
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(right.messages[i], std::make_tuple(Kind::call, i, std::string(i, 'x')));
}

TEST_F(ChannelTest, ALargeMessageHoldsNobodyUp) {
  open_right();
  const std::string large(20 << 20, 'l');
  a->send(Kind::answer, 1, large);
  a->send(Kind::answer, 2, "small");
  loop.run_until([&] { return right.messages.size() == 2; });
  EXPECT_EQ(std::get<1>(right.messages[0]), 2u);
  EXPECT_EQ(std::get<2>(right.messages[1]), large);
}

TEST_F(ChannelTest, FramesThatAreNoneEndTheChannel) {
  const std::vector<std::string> wrong{
      frame(k_frame_bytes_max + 1, 1, 0, 0, "x"),
      frame(1, 1, 2, 0, "x"),
      frame(1, 1, 0, 7, "x"),
      frame(0, 1, 1, 0, ""),  // a piece of nothing
  };
  for (const std::string& bytes : wrong) {
    left = {};
    write_raw(bytes);
    loop.run_until([&] { return left.why.has_value(); });
    EXPECT_EQ(left.why->code, Errc::invalid_data);
    EXPECT_TRUE(left.messages.empty());
    ::close(sockets[1]);
    SetUp();
  }
  ::close(sockets[1]);
}

TEST_F(ChannelTest, TheEndOfTheOtherSideIsTold) {
  ::close(sockets[1]);
  loop.run_until([&] { return left.why.has_value(); });
  EXPECT_EQ(left.why->code, Errc::unavailable);
  a->send(Kind::call, 1, "into the void");  // no effect
}

TEST_F(ChannelTest, AnEndThatDoesNotReadIsGivenUp) {
  const std::string piece(30 << 20, 'x');
  for (std::uint64_t i = 0; i < 10 && !left.why; ++i) {
    a->send(Kind::answer, i, piece);
    loop.run_ready();
  }
  loop.run_until([&] { return left.why.has_value(); });
  EXPECT_EQ(left.why->code, Errc::unavailable);
  ::close(sockets[1]);
}

TEST(Wire, WhatIsTornReadsAsNothing) {
  std::string text;
  Writer(text).put(std::uint32_t{7}).put(std::string_view("hello")).put(fail(Errc::conflict, "why"));
  Reader whole(text);
  EXPECT_EQ(whole.get<std::uint32_t>(), 7u);
  EXPECT_EQ(whole.text(), "hello");
  EXPECT_EQ(whole.error().message, "why");
  EXPECT_TRUE(whole.complete());
  for (std::size_t size = 0; size < text.size(); ++size) {
    Reader cut(std::string_view(text).substr(0, size));
    (void)cut.get<std::uint32_t>(), (void)cut.text(), (void)cut.error();
    EXPECT_FALSE(cut.complete()) << size;
  }
}

}  // namespace
}  // namespace tomada::worker
