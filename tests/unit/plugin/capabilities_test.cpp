#include "host/plugin/capabilities.hpp"

#include <gtest/gtest.h>

namespace tomada::plugin {
namespace {

Capabilities of_hosts(std::vector<std::string> hosts) { return {.hosts = std::move(hosts), .secrets = false, .storage = false}; }

abi::Manifest manifest() {
  abi::Manifest made;
  made.hosts = {"b.test", "a.test", "b.test"};
  return made;
}

TEST(Capabilities, AreWhatTheManifestNames) {
  abi::Manifest named = manifest();
  EXPECT_EQ(asked_by(named), of_hosts({"a.test", "b.test"})) << "sorted, each once";
  named.capabilities = {"secrets"};
  named.services_optional = {"unstable.storage/1"};
  EXPECT_EQ(asked_by(named), (Capabilities{.hosts = {"a.test", "b.test"}, .secrets = true, .storage = true}));
  named.services_optional = {"unstable.storage/12"};
  EXPECT_FALSE(asked_by(named).storage);
  named.services_required = {"unstable.storage/1"};
  EXPECT_TRUE(asked_by(named).storage);
}

TEST(Capabilities, MissingIsWhatNobodyApproved) {
  const Capabilities all{.hosts = {"a.test"}, .secrets = true, .storage = true};
  EXPECT_EQ(missing(all, all), std::nullopt);
  EXPECT_EQ(missing({}, {}), std::nullopt);
  EXPECT_EQ(missing({}, all), std::nullopt) << "less is not more";
  EXPECT_EQ(missing(all, {}), all);
  EXPECT_EQ(missing(all, {.hosts = {"a.test"}, .secrets = false, .storage = true}), (Capabilities{.hosts = {}, .secrets = true, .storage = false}));
  EXPECT_EQ(missing(all, {.hosts = {"a.test"}, .secrets = true, .storage = false}), (Capabilities{.hosts = {}, .secrets = false, .storage = true}));
}

TEST(Capabilities, AHostIsCoveredByTheSameTextOrBySubdomains) {
  const auto covers = [](const char* approved, const char* asked) { return !missing(of_hosts({asked}), of_hosts({approved})); };
  EXPECT_TRUE(covers("{region}.test", "{region}.test"));
  EXPECT_TRUE(covers("*.example.com", "api.example.com"));
  EXPECT_TRUE(covers("*.example.com", "a.b.example.com"));
  EXPECT_TRUE(covers("*.example.com", "*.eu.example.com"));
  EXPECT_TRUE(covers("*.example.com", "{shop}.example.com")) << "whatever the shop is";
  EXPECT_FALSE(covers("*.example.com", "example.com"));
  EXPECT_FALSE(covers("*.example.com", ".example.com"));
  EXPECT_FALSE(covers("*.example.com", "badexample.com"));
  EXPECT_FALSE(covers("*.example.com", "api.example.com.evil.test"));
  EXPECT_FALSE(covers("*.example.com", "api.example.com{suffix}"));
  EXPECT_FALSE(covers("*.eu.example.com", "*.example.com")) << "wider";
  EXPECT_FALSE(covers("api.example.com", "*.example.com"));
  EXPECT_FALSE(covers("*.{domain}", "api.{domain}")) << "an asterisk covers what is known";
}

TEST(Capabilities, UnitedAreBoth) {
  EXPECT_EQ(united({.hosts = {"b.test"}, .secrets = true, .storage = false}, {.hosts = {"a.test", "b.test"}, .secrets = false, .storage = true}),
            (Capabilities{.hosts = {"a.test", "b.test"}, .secrets = true, .storage = true}));
}

TEST(Capabilities, HaveOneText) {
  const Capabilities all{.hosts = {"a.test", "{x}.b\"\\.test"}, .secrets = true, .storage = false};
  const auto read = from_json(to_json(all));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(*read, all);
  EXPECT_EQ(to_json({}), R"({"hosts":[],"secrets":false,"storage":false})");
  EXPECT_EQ(to_json(*from_json(R"({"storage":true, "secrets":false, "hosts":["b","a","b"]})")), R"({"hosts":["a","b"],"secrets":false,"storage":true})");
}

TEST(Capabilities, ABadTextIsRefusedByField) {
  const std::pair<std::string, const char*> texts[] = {
      {"", "object"}, {"[]", "object"}, {"{", "object"}, {"null", "object"},
      {R"({"secrets":false,"storage":false})", "hosts"},
      {R"({"hosts":"a","secrets":false,"storage":false})", "hosts"},
      {R"({"hosts":[1],"secrets":false,"storage":false})", "hosts"},
      {R"({"hosts":[""],"secrets":false,"storage":false})", "hosts"},
      {R"({"hosts":[],"storage":false})", "secrets"},
      {R"({"hosts":[],"secrets":"false","storage":false})", "secrets"},
      {R"({"hosts":[],"secrets":false,"storage":1})", "storage"},
      {R"({"hosts":[],"secrets":false,"storage":false,"root":true})", "root"},
      {std::string(k_capabilities_bytes_max + 1, ' '), "bytes"}};
  for (const auto& [text, named] : texts) {
    const auto read = from_json(text);
    ASSERT_TRUE(read.has_error()) << text;
    EXPECT_EQ(read.error().code, Errc::invalid_data);
    EXPECT_NE(read.error().message.find(named), std::string::npos) << read.error().message;
  }
}

TEST(Capabilities, AreSaidInWordsThatATerminalShowsAsTheyAre) {
  EXPECT_EQ(words({}), "nothing");
  EXPECT_EQ(words({.hosts = {"a.test", "b.test"}, .secrets = true, .storage = true}),
            "requests to a.test, b.test; reads credentials in clear; keeps data in storage");
  EXPECT_EQ(words(of_hosts({"a", "b", "c"}), 1), "requests to a and 2 more");
  EXPECT_EQ(words(of_hosts({"a\x1b[2Kb\n.\xc3\xa4"})), "requests to a?[2Kb?.??");
}

}  // namespace
}  // namespace tomada::plugin
