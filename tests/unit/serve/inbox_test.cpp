#include "host/serve/inbox.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tomada::serve {
namespace {

TEST(Inbox, GivesBackWhatWentInWhateverTheSizes) {
  std::mt19937 random(7);
  Inbox inbox;
  std::string expected;
  for (int i = 0; i < 2'000; ++i) {
    const std::size_t count = random() % 300;
    char* space = inbox.prepare(count);
    ASSERT_GE(inbox.room(), count);
    for (std::size_t j = 0; j < count; ++j) expected += space[j] = static_cast<char>('a' + random() % 26);
    inbox.commit(count);
    const std::size_t used = random() % (inbox.size() + 1);
    inbox.consume(used);
    expected.erase(0, used);
    ASSERT_EQ(inbox.view(), expected);
  }
}

TEST(Inbox, GivesLargeMemoryBackOnceItIsEmpty) {
  Inbox inbox;
  inbox.prepare(100'000);
  inbox.commit(1);
  inbox.shrink(4'096);
  EXPECT_GE(inbox.room(), 99'999u) << "something is in it";
  inbox.consume(1);
  inbox.shrink(4'096);
  EXPECT_EQ(inbox.room(), 0u);
}

}  // namespace
}  // namespace tomada::serve
