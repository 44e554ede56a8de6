#include "host/base/uuid.hpp"

#include <gtest/gtest.h>

namespace tomada {
namespace {

TEST(Uuid, IsVersion7AndSortsByCreationEvenInOneMillisecond) {
  const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1767225600));
  std::string last;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = make_uuid_v7(now);
    ASSERT_TRUE(is_uuid(id));
    ASSERT_EQ(id[14], '7');
    ASSERT_NE(std::string("89ab").find(id[19]), std::string::npos);
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(Uuid, RefusesOtherText) {
  EXPECT_FALSE(is_uuid("hubspot"));
  EXPECT_FALSE(is_uuid("01234567-89ab-7def-8123-0123456789a"));
  EXPECT_FALSE(is_uuid("01234567x89ab-7def-8123-0123456789ab"));
}

}  // namespace
}  // namespace tomada
