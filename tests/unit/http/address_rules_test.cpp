#include "host/http/address_rules.hpp"

#include "host/http/curl_client.hpp"

#include <gtest/gtest.h>

namespace tomada::http {
namespace {

boost::asio::ip::address at(const char* text) { return boost::asio::ip::make_address(text); }

TEST(PrivateAddress, KnowsEveryKind) {
  for (const char* text :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1", "[::1]", "fec0::1",
        "::127.0.0.1"})
    EXPECT_TRUE(is_private_address(text)) << text;
  for (const char* text : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808",
                           "example.com", ""})
    EXPECT_FALSE(is_private_address(text)) << text;
}

TEST(AddressRules, PermitOnlyWhatIsListed) {
  AddressRules rules;
  for (const char* entry :
       {"127.0.0.1:9000", "10.0.0.0/8", "Minio.internal", "db.internal:81", "[::1]:9001", "fd00::/8", "192.168.7.7"})
    ASSERT_TRUE(rules.allow(entry).has_value()) << entry;
  EXPECT_TRUE(rules.permits("x", at("8.8.8.8"), 1));
  EXPECT_TRUE(rules.permits("x", at("127.0.0.1"), 9000));
  EXPECT_TRUE(rules.permits("x", at("::ffff:127.0.0.1"), 9000));
  EXPECT_FALSE(rules.permits("x", at("127.0.0.1"), 9001));
  EXPECT_FALSE(rules.permits("x", at("127.0.0.2"), 9000));
  EXPECT_TRUE(rules.permits("x", at("10.255.0.1"), 80));
  EXPECT_TRUE(rules.permits("minio.internal", at("172.16.0.9"), 80));
  EXPECT_FALSE(rules.permits("other.internal", at("172.16.0.9"), 80));
  EXPECT_TRUE(rules.permits("db.internal", at("172.16.0.9"), 81));
  EXPECT_FALSE(rules.permits("db.internal", at("172.16.0.9"), 82));
  EXPECT_TRUE(rules.permits("x", at("::1"), 9001));
  EXPECT_FALSE(rules.permits("x", at("::1"), 9002));
  EXPECT_TRUE(rules.permits("x", at("fd12::3"), 1));
  EXPECT_TRUE(rules.permits("x", at("192.168.7.7"), 1));
}

TEST(AddressRules, SayWhatIsWrongWithAnEntry) {
  for (const char* entry : {"", "10.0.0.0/33", "a b", "host:0", "host:70000", "host:", "[::1", "[::1]x", "http://a/"}) {
    const auto allowed = check_allow_private(entry);
    ASSERT_TRUE(allowed.has_error()) << entry;
    EXPECT_EQ(allowed.error().code, Errc::invalid_config);
    EXPECT_NE(allowed.error().message.find("http.allow_private"), std::string::npos);
  }
}

}  // namespace
}  // namespace tomada::http
