#include "host/serve/header_scan.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tomada::serve {
namespace {

using State = HeaderScan::State;

TEST(HeaderScan, FindsTheEndHoweverTheBytesCome) {
  const std::string header = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string text = header + "body\nwith lines";
  HeaderScan whole;
  EXPECT_EQ(whole.look(text), State::complete);
  EXPECT_EQ(whole.bytes(), header.size());
  HeaderScan drops;
  for (std::size_t size = 1; size < header.size(); ++size) EXPECT_EQ(drops.look(text.substr(0, size)), State::incomplete) << size;
  EXPECT_EQ(drops.look(text.substr(0, header.size())), State::complete);
  EXPECT_EQ(drops.bytes(), header.size());
}

TEST(HeaderScan, RefusesWhatParsersDisagreeAbout) {
  using namespace std::string_literals;
  for (const std::string& text : {"GET / HTTP/1.1\nHost: h\r\n\r\n"s, "GET / HTTP/1.1\r\nHost: h\n\r\n"s, "\r\nGET / HTTP/1.1\r\n\r\n"s,
                                  "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n"s, "GET / HTTP/1.1\r\nA: b\r\n\tfolded\r\n\r\n"s,
                                  "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n"s, "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"s, "\n"s,
                                  "GET / HTTP/1.1\r\nA: b\r\r\n\r\n"s})
    EXPECT_EQ(HeaderScan().look(text), State::malformed) << text;
}

}  // namespace
}  // namespace tomada::serve
