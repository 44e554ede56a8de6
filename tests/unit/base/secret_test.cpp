#include "host/base/secret.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace tomada {
namespace {

TEST(Secret, PrintsStars) {
  std::ostringstream out;
  out << Secret(std::string("sk_live_planted"));
  EXPECT_EQ(out.str(), "***");
}

TEST(Secret, LeavesNothingWhereItMovedFrom) {
  Secret from(std::string("short"));  // short enough to live inside the object
  const Secret to(std::move(from));
  EXPECT_EQ(to.expose_secret(), "short");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that is the claim
}

TEST(Secret, WipeOverwrites) {
  char memory[8] = "secret!";
  wipe(memory, sizeof memory);
  for (const char c : memory) EXPECT_EQ(c, 0);
}

}  // namespace
}  // namespace tomada
