#include "host/access/keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace tomada::access {
namespace {

/// Two tables in memory; what access/ does not use is refused.
class MemoryTenants final : public store::Tenants {
 public:
  std::vector<store::Tenant> tenants;
  std::vector<store::ApiKey> keys;

  Result<void> create(runtime::Task&, const store::Tenant& tenant) override {
    tenants.push_back(tenant);
    return {};
  }
  Result<std::optional<store::Tenant>> find_by_name(runtime::Task&, std::string_view name) override {
    for (const auto& tenant : tenants)
      if (tenant.name == name) return std::optional(tenant);
    return std::optional<store::Tenant>{};
  }
  Result<std::vector<store::Tenant>> list(runtime::Task&) override { return tenants; }
  Result<void> add_key(runtime::Task&, const store::ApiKey& key) override {
    keys.push_back(key);
    return {};
  }
  Result<std::optional<store::ApiKey>> find_key(runtime::Task&, std::string_view digest) override {
    for (const auto& key : keys)
      if (key.key_sha256 == digest) return std::optional(key);
    return std::optional<store::ApiKey>{};
  }
  Result<bool> is_plugin_allowed(runtime::Task&, std::string_view, std::string_view) override { return unused(); }
  Result<std::vector<store::AllowedPlugin>> allowed_plugins(runtime::Task&, std::string_view) override { return unused(); }
  Result<std::optional<std::string>> wrapped_key(runtime::Task&, std::string_view) override { return unused(); }
  Result<void> put_wrapped_key(runtime::Task&, std::string_view, std::string_view) override { return unused(); }

 private:
  static Error unused() { return fail(Errc::internal, "not used by access/"); }
};

struct AccessKeys : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  MemoryTenants tenants;

  void SetUp() override { tenants.tenants.push_back({"tenant-1", "demo", 0}); }

  Result<Secret> create(std::string_view tenant, std::string_view role) {
    return runtime::run(loop, [&](runtime::Task& task) { return create_key(task, tenants, tenant, role); });
  }
  Result<Principal> ask(std::string header) {
    return runtime::run(loop, [&](runtime::Task& task) { return authenticate(task, tenants, header); });
  }
};

TEST_F(AccessKeys, AKeyOpensItsTenantWithItsRole) {
  auto key = create("demo", "operator");
  ASSERT_TRUE(key.has_value());
  auto principal = ask("Bearer " + std::string(key->expose_secret()));
  ASSERT_TRUE(principal.has_value());
  EXPECT_EQ(principal->tenant_id, "tenant-1");
  EXPECT_EQ(principal->tenant_name, "demo");
  EXPECT_EQ(principal->role, Role::operator_);
  EXPECT_TRUE(ask("bearer  " + std::string(key->expose_secret())).has_value());
}

TEST_F(AccessKeys, OnlyTheDigestIsStored) {
  auto key = create("demo", "admin");
  ASSERT_TRUE(key.has_value());
  const std::string text(key->expose_secret());
  EXPECT_THAT(text, testing::MatchesRegex("tmd_[0-9A-Za-z]{43}"));
  ASSERT_EQ(tenants.keys.size(), 1u);
  EXPECT_EQ(tenants.keys[0].key_sha256, key_digest(text));
  EXPECT_EQ(tenants.keys[0].key_sha256.size(), 64u);
  EXPECT_EQ(tenants.keys[0].key_sha256.find(text.substr(4)), std::string::npos);
  std::ostringstream printed;
  printed << *key;
  EXPECT_EQ(printed.str(), "***");
}

TEST_F(AccessKeys, TheDigestIsSha256) {
  EXPECT_EQ(key_digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(AccessKeys, EveryRefusalSoundsTheSame) {
  std::set<std::string> answers;
  for (const std::string& header : {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Basic dXNlcg=="),
                                    std::string("Bearer tmd_unknown"), std::string("Bearer other"),
                                    "Bearer tmd_" + std::string(5000, 'a')}) {
    auto refused = ask(header);
    ASSERT_TRUE(refused.has_error()) << header;
    EXPECT_EQ(refused.error().code, Errc::unauthenticated);
    answers.insert(refused.error().message);
  }
  EXPECT_EQ(answers.size(), 1u);
}

TEST_F(AccessKeys, UnknownTenantAndRoleAreNamed) {
  EXPECT_THAT(create("nobody", "admin").error().message, testing::HasSubstr("tomada tenant create nobody"));
  EXPECT_THAT(create("demo", "root").error().message, testing::HasSubstr("viewer, operator, admin"));
}

TEST(AccessMakeKey, NoTwoAreAlike) {
  std::set<std::string> keys;
  for (int i = 0; i < 1000; ++i) keys.emplace(make_key().expose_secret());
  EXPECT_EQ(keys.size(), 1000u);
}

}  // namespace
}  // namespace tomada::access
