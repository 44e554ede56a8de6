// A worker that lies: whatever it asks, the host's services see nothing that a plugin in the host could not have said.
#include "host/worker/asked.hpp"

#include "host/runtime/task.hpp"
#include "tests/support/abi_fake_services.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tomada::worker {
namespace {

struct AskedTest : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};

  template <class... Values>
  static std::string words(const Values&... values) {
    std::string text;
    Writer writer(text);
    (writer.put(values), ...);
    return text;
  }
  static std::string open_request(std::string_view url = "https://example.com/", std::string_view headers = std::string_view("\0\0\0\0", 4)) {
    return words(Ask::http_open, std::string_view("GET"), url, headers, std::string_view(), std::uint64_t{0}, std::int64_t{0}, std::uint8_t{1});
  }

  void with(const std::function<void(Asked&, abi::FakeServices&)>& check) {
    runtime::run(loop, [&](runtime::Task& task) {
      abi::FakeServices services(task);
      Asked asked(services);
      check(asked, services);
      return true;
    });
  }
};

TEST_F(AskedTest, AnswersAQuestion) {
  with([](Asked& asked, abi::FakeServices& services) {
    services.storage["k"] = "v";
    const auto answer = asked.answer(words(Ask::storage_get, std::string_view("k")));
    ASSERT_TRUE(answer.has_value());
    Reader reader(*answer);
    EXPECT_TRUE(reader.flag());
    EXPECT_EQ(reader.text(), "v");
    EXPECT_EQ(asked.last_service(), "storage_get");
  });
}

TEST_F(AskedTest, ExchangesKeepTheirOrder) {
  with([](Asked& asked, abi::FakeServices& services) {
    ASSERT_TRUE(asked.answer(open_request()).has_value());
    const std::uint32_t number = 1;
    EXPECT_TRUE(asked.answer(words(Ask::http_read_all, number)).has_error());  // before finish
    EXPECT_TRUE(asked.answer(words(Ask::http_finish, std::uint32_t{2})).has_error());  // of none
    ASSERT_TRUE(asked.answer(words(Ask::http_finish, number)).has_value());
    EXPECT_TRUE(asked.answer(words(Ask::http_finish, number)).has_error());
    EXPECT_TRUE(asked.answer(words(Ask::http_write, number, std::string_view("x"))).has_error());
    EXPECT_TRUE(asked.answer(words(Ask::http_read, number, std::uint32_t{64 << 20})).has_error());
    ASSERT_TRUE(asked.answer(words(Ask::http_read_all, number)).has_value());
    EXPECT_TRUE(asked.answer(words(Ask::http_read_all, number)).has_error());
    EXPECT_TRUE(asked.note(words(Note::http_close, number)).has_value());
    EXPECT_TRUE(asked.note(words(Note::http_close, number)).has_error());
    EXPECT_EQ(services.exchanges_live_count, 0u);
  });
}

TEST_F(AskedTest, RequestsBeyondTheLimitsAreRefused) {
  with([](Asked& asked, abi::FakeServices& services) {
    EXPECT_TRUE(asked.answer(open_request(std::string(70'000, 'u'))).has_error());
    EXPECT_TRUE(asked.answer(open_request("https://example.com/", words(std::uint32_t{0xffffffff}))).has_error());
    EXPECT_TRUE(services.requests.empty());
  });
}

TEST_F(AskedTest, RepliesKeepTheirLimits) {
  with([](Asked& asked, abi::FakeServices& services) {
    EXPECT_TRUE(asked.note(words(Note::reply, std::int32_t{700}, std::string_view(), std::string_view())).has_error());
    EXPECT_TRUE(services.replies.empty());
  });
  with([](Asked& asked, abi::FakeServices& services) {
    const std::string reply = words(Note::reply, std::int32_t{200}, std::string_view("text/plain"), std::string_view("hi"));
    EXPECT_TRUE(asked.note(reply).has_value());
    EXPECT_TRUE(asked.note(reply).has_error());  // one answer
    EXPECT_EQ(services.replies.size(), 1u);
  });
}

TEST_F(AskedTest, AFloodOfNotesEnds) {
  with([](Asked& asked, abi::FakeServices&) {
    const std::string line = words(Note::log, std::uint8_t{2}, std::string_view("x"));
    for (std::size_t i = 0; i < k_notes_max; ++i) ASSERT_TRUE(asked.note(line).has_value());
    EXPECT_TRUE(asked.note(line).has_error());
  });
}

TEST_F(AskedTest, RecordsComeInBatchesAndInPieces) {
  with([](Asked& asked, abi::FakeServices& services) {
    const std::string large(100'000, 'x');
    const std::string batch = words(RecordKind::upsert, std::string_view("thing"), std::string_view("1"), std::string_view(large), std::int64_t{0}) +
                              words(RecordKind::refused, std::string_view("no object")) +
                              words(RecordKind::remove, std::string_view("thing"), std::string_view("2"), std::int64_t{0});
    const std::string_view whole = batch;
    EXPECT_TRUE(asked.note(words(Note::records, std::uint8_t{1}, whole.substr(0, 50'000))).has_value());
    EXPECT_TRUE(services.records.empty());
    EXPECT_TRUE(asked.note(words(Note::records, std::uint8_t{0}, whole.substr(50'000))).has_value());
    EXPECT_EQ(services.records, (std::vector<std::string>{"thing/1", "-thing/2"}));
    EXPECT_EQ(services.refused, (std::vector<std::string>{"no object"}));
    for (std::size_t size = 0; size < 40; ++size)
      EXPECT_TRUE(asked.note(words(Note::records, std::uint8_t{0}, whole.substr(0, size))).has_error()) << size;
  });
  with([](Asked& asked, abi::FakeServices&) {
    const std::string piece(60'000, 'x');
    const std::string endless = words(Note::records, std::uint8_t{1}, std::string_view(piece));
    std::size_t taken = 0;
    while (taken < 1'000 && asked.note(endless).has_value()) ++taken;
    EXPECT_EQ(taken, k_records_bytes_max / piece.size());
  });
}

TEST_F(AskedTest, MoreRecordsThanAPageEnd) {
  with([](Asked& asked, abi::FakeServices&) {
    const std::string one = words(RecordKind::remove, std::string_view("thing"), std::string_view("2"), std::int64_t{0});
    const std::string note = words(Note::records, std::uint8_t{0}, std::string_view(one));
    for (std::size_t i = 0; i < k_records_max; ++i) ASSERT_TRUE(asked.note(note).has_value());
    ASSERT_TRUE(asked.answer(words(Ask::checkpoint, std::string_view("c"))).has_value());
    for (std::size_t i = 0; i < k_records_max; ++i) ASSERT_TRUE(asked.note(note).has_value());
    EXPECT_TRUE(asked.note(note).has_error());
  });
}

TEST_F(AskedTest, NoiseIsAnErrorOrAnAnswerAndNeverMore) {
  std::mt19937_64 random(20261123);
  for (int round = 0; round < 20'000; ++round) {
    std::string noise(random() % 64, '\0');
    for (char& c : noise) c = static_cast<char>(random() % 3 == 0 ? random() % 17 : random() % 256);
    with([&](Asked& asked, abi::FakeServices&) {
      (void)asked.answer(noise);
      (void)asked.note(noise);
    });
  }
}

}  // namespace
}  // namespace tomada::worker
