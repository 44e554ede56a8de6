#include "host/service/allowed_hosts.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tomada::service {
namespace {

AllowedHosts make(std::vector<std::string> hosts, nlohmann::json config) {
  abi::Manifest manifest;
  manifest.hosts = std::move(hosts);
  return AllowedHosts(manifest, config);
}

TEST(AllowedHosts, AllowsWhatTheManifestNamesOverHttpsOnly) {
  const auto allowed = make({"api.stripe.com", "*.amazonaws.com"}, nlohmann::json::object());
  EXPECT_TRUE(allowed.check("https://api.stripe.com/v1/charges").has_value());
  EXPECT_TRUE(allowed.check("https://API.Stripe.com./v1").has_value());
  EXPECT_TRUE(allowed.check("https://b.s3.eu-west-1.amazonaws.com/").has_value());
  EXPECT_EQ(allowed.check("http://api.stripe.com/").error().code, Errc::forbidden);
  EXPECT_EQ(allowed.check("https://api.stripe.com:8443/").error().code, Errc::forbidden);
  EXPECT_EQ(allowed.check("https://evil.com/").error().code, Errc::forbidden);
  EXPECT_EQ(allowed.check("https://amazonaws.com.evil.com/").error().code, Errc::forbidden);
  EXPECT_EQ(allowed.check("https://evilamazonaws.com/").error().code, Errc::forbidden);
  EXPECT_EQ(allowed.check("https://amazonaws.com/").error().code, Errc::forbidden);
}

TEST(AllowedHosts, FillsTemplatesAndRefusesAValueThatLeavesTheHost) {
  EXPECT_TRUE(make({"{subdomain}.kommo.com"}, {{"subdomain", "acme"}}).check("https://acme.kommo.com/api").has_value());
  EXPECT_TRUE(make({"{subdomain}.kommo.com"}, {{"subdomain", "evil.com/"}}).check("https://evil.com/").has_error());
  EXPECT_TRUE(make({"{subdomain}.kommo.com"}, nlohmann::json::object()).check("https://x.kommo.com/").has_error());
}

TEST(AllowedHosts, AllowsTheExactOriginOfTheConfiguredEndpoint) {
  const auto allowed = make({}, {{"endpoint", "http://127.0.0.1:9000/base"}});
  EXPECT_TRUE(allowed.check("http://127.0.0.1:9000/bucket?x=1").has_value());
  EXPECT_TRUE(allowed.check("http://127.0.0.1:9001/bucket").has_error());
  EXPECT_TRUE(allowed.check("https://127.0.0.1:9000/bucket").has_error());
}

TEST(AllowedHosts, RefusesWhatIsNoPlainUrl) {
  const auto allowed = make({"api.example.com"}, nlohmann::json::object());
  EXPECT_EQ(allowed.check("file:///etc/passwd").error().code, Errc::invalid_data);
  EXPECT_EQ(allowed.check("/v1").error().code, Errc::invalid_data);
  EXPECT_EQ(allowed.check("https://user:pw@api.example.com/").error().code, Errc::invalid_data);
  EXPECT_EQ(allowed.check("https://evil.com\\@api.example.com/").has_error(), true);
}

}  // namespace
}  // namespace tomada::service
