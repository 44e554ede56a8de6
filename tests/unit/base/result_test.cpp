#include "host/base/result.hpp"

#include <gtest/gtest.h>

namespace tomada {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::invalid_data, "odd");
  return n / 2;
}

Result<int> quarter(int n) {
  TOMADA_TRY_ASSIGN(const int once, half(n));
  TOMADA_TRY_ASSIGN(const int twice, half(once));
  return twice;
}

TEST(Result, TryAssignPassesValuesOnAndErrorsUp) {
  EXPECT_EQ(*quarter(12), 3);
  ASSERT_TRUE(quarter(6).has_error());
  EXPECT_EQ(quarter(6).error().code, Errc::invalid_data);
}

TEST(Error, WithinAddsContextInFront) {
  const Error error = fail(Errc::unavailable, "connection refused").within("page 3");
  EXPECT_EQ(error.message, "page 3: connection refused");
  EXPECT_EQ(to_string(error.code), "unavailable");
}

}  // namespace
}  // namespace tomada
