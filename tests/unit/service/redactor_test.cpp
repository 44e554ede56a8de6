#include "host/service/redactor.hpp"

#include "host/base/encoding.hpp"

#include <gtest/gtest.h>

namespace tomada::service {
namespace {

TEST(Redactor, TakesOutTheValuePlainEncodedAndInBase64) {
  credentials::Credentials credentials;
  credentials.emplace("token", Secret(std::string("p/w+ 77")));
  const std::string text = "plain p/w+ 77, url " + percent_encode("p/w+ 77") + ", b64 " + base64_encode("p/w+ 77");
  EXPECT_EQ(redact(text, credentials), "plain ***, url ***, b64 ***");
}

TEST(Redactor, LeavesShortValuesAndOtherTextAlone) {
  credentials::Credentials credentials;
  credentials.emplace("flag", Secret(std::string("yes")));
  EXPECT_EQ(redact("yes, all is well", credentials), "yes, all is well");
}

}  // namespace
}  // namespace tomada::service
