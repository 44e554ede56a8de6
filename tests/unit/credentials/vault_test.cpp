#include "host/credentials/vault.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>

namespace tomada::credentials {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Only the keys: nothing else of Tenants is asked here.
class FakeTenants final : public store::Tenants {
 public:
  std::map<std::string, std::string, std::less<>> keys;
  std::string first_of_another_host;  // appears between the vault's look and its put

  Result<std::optional<std::string>> wrapped_key(runtime::Task&, std::string_view tenant_id) override {
    const auto found = keys.find(tenant_id);
    return found == keys.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> put_wrapped_key(runtime::Task&, std::string_view tenant_id, std::string_view wrapped) override {
    if (!first_of_another_host.empty()) keys.emplace(tenant_id, std::exchange(first_of_another_host, {}));
    if (keys.emplace(tenant_id, wrapped).second) return {};
    return fail(Errc::conflict, "there is one");
  }

  Result<void> create(runtime::Task&, const store::Tenant&) override { return not_here(); }
  Result<std::optional<store::Tenant>> find_by_name(runtime::Task&, std::string_view) override { return not_here(); }
  Result<std::vector<store::Tenant>> list(runtime::Task&) override { return not_here(); }
  Result<void> add_key(runtime::Task&, const store::ApiKey&) override { return not_here(); }
  Result<std::optional<store::ApiKey>> find_key(runtime::Task&, std::string_view) override { return not_here(); }
  Result<bool> is_plugin_allowed(runtime::Task&, std::string_view, std::string_view) override { return not_here(); }
  Result<std::vector<store::AllowedPlugin>> allowed_plugins(runtime::Task&, std::string_view) override {
    return not_here();
  }

 private:
  static Error not_here() { return fail(Errc::unsupported, "not in this fake"); }
};

struct VaultTest : testing::Test {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  FakeTenants tenants;
  fs::path folder;

  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "tomada-vault-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder); }

  fs::path key_file() const { return folder / "master.key"; }
  std::unique_ptr<Vault> vault() { return *Vault::open(key_file(), true, tenants); }
  Result<std::string> seal(Vault& vault, const json& credentials, std::string_view tenant = "t1",
                           std::string_view config = "c1") {
    return runtime::run(loop, [&](runtime::Task& task) { return vault.seal(task, tenant, config, credentials); });
  }
  Result<Credentials> open(Vault& vault, std::string_view sealed, std::string_view tenant = "t1",
                           std::string_view config = "c1") {
    return runtime::run(loop, [&](runtime::Task& task) { return vault.open_sealed(task, tenant, config, sealed); });
  }
  void write_key_file(std::string_view text, mode_t mode = 0600) {
    std::ofstream(key_file()) << text;
    ::chmod(key_file().c_str(), mode);
  }
  std::string refusal(bool create = true) {
    const auto opened = Vault::open(key_file(), create, tenants);
    if (opened.has_value()) return "opened";
    EXPECT_EQ(opened.error().code, Errc::unavailable);
    return opened.error().message;
  }
};

TEST_F(VaultTest, OpensWhatItSealedAlsoAfterARestart) {
  const json credentials = {{"token", "s3cr3t"}, {"port", 25}, {"tls", true}, {"empty", ""}, {"utf8", "çã\n\"{}"}};
  const auto sealed = seal(*vault(), credentials);
  ASSERT_TRUE(sealed.has_value()) << sealed.error().message;
  EXPECT_EQ(sealed->find("s3cr3t"), std::string::npos);
  const auto again = vault();
  const auto opened = open(*again, *sealed);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_EQ(opened->size(), 5u);
  EXPECT_EQ(opened->at("token").expose_secret(), "s3cr3t");
  EXPECT_EQ(opened->at("port").expose_secret(), "25");
  EXPECT_EQ(opened->at("tls").expose_secret(), "true");
  EXPECT_EQ(opened->at("empty").expose_secret(), "");
  EXPECT_EQ(opened->at("utf8").expose_secret(), "çã\n\"{}");
}

TEST_F(VaultTest, NothingSealedIsNoCredentials) {
  const auto opened = open(*vault(), "");
  ASSERT_TRUE(opened.has_value());
  EXPECT_TRUE(opened->empty());
}

TEST_F(VaultTest, AnotherTenantOrIntegrationCannotOpenIt) {
  const auto one = vault();
  const auto sealed = *seal(*one, {{"token", "s3cr3t"}});
  ASSERT_TRUE(seal(*one, {{"token", "other"}}, "t2").has_value());
  for (const auto& [tenant, config] : {std::pair{"t1", "c2"}, std::pair{"t2", "c1"}, std::pair{"t3", "c1"}}) {
    const auto opened = open(*one, sealed, tenant, config);
    ASSERT_TRUE(opened.has_error()) << tenant << config;
    EXPECT_EQ(opened.error().code, Errc::internal);
    EXPECT_EQ(opened.error().message.find("s3cr3t"), std::string::npos);
  }
}

TEST_F(VaultTest, AWrappedKeyMovedToAnotherTenantIsRefused) {
  const auto sealed = *seal(*vault(), {{"token", "x"}});
  tenants.keys["t2"] = tenants.keys.at("t1");
  const auto opened = open(*vault(), sealed, "t2");
  ASSERT_TRUE(opened.has_error());
  EXPECT_EQ(opened.error().code, Errc::internal);
}

TEST_F(VaultTest, DamageIsNoticed) {
  const auto one = vault();
  auto sealed = *seal(*one, {{"token", "x"}});
  sealed.back() = static_cast<char>(sealed.back() ^ 1);
  EXPECT_EQ(open(*one, sealed).error().code, Errc::internal);
}

TEST_F(VaultTest, TheWrongMasterKeyIsNamed) {
  const auto sealed = *seal(*vault(), {{"token", "x"}});
  fs::remove(key_file());
  const auto opened = open(*vault(), sealed);
  ASSERT_TRUE(opened.has_error());
  EXPECT_NE(opened.error().message.find("restore the master key file"), std::string::npos) << opened.error().message;
}

TEST_F(VaultTest, TheKeyOfWhoeverWasFirstCounts) {
  const auto one = vault();
  const auto theirs = *seal(*one, {{"token", "theirs"}});
  tenants.first_of_another_host = tenants.keys.at("t1");
  tenants.keys.clear();
  const auto late = vault();
  const auto ours = *seal(*late, {{"token", "ours"}});
  EXPECT_EQ(open(*one, ours)->at("token").expose_secret(), "ours");
  EXPECT_EQ(open(*late, theirs)->at("token").expose_secret(), "theirs");
}

TEST_F(VaultTest, OnlyFlatObjectsAreSealed) {
  const auto one = vault();
  for (const json& credentials : {json::array(), json("x"), json(nullptr), json{{"a", {{"b", "s3cr3t"}}}},
                                  json{{"a", json::array({"s3cr3t"})}}, json{{"a", nullptr}}}) {
    const auto sealed = seal(*one, credentials);
    ASSERT_TRUE(sealed.has_error());
    EXPECT_EQ(sealed.error().code, Errc::invalid_data);
    EXPECT_EQ(sealed.error().message.find("s3cr3t"), std::string::npos);
  }
  EXPECT_EQ(seal(*one, {{"a", std::string(300'000, 'x')}}).error().code, Errc::invalid_data);
}

TEST_F(VaultTest, MakesAMasterKeyThatOnlyItsOwnerCanRead) {
  ASSERT_EQ(refusal(), "opened");
  struct stat status {};
  ASSERT_EQ(::stat(key_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(status.st_size, 65);
  std::ifstream in(key_file());
  std::string first, second;
  in >> first;
  EXPECT_EQ(refusal(), "opened");
  std::ifstream(key_file()) >> second;
  EXPECT_EQ(first, second);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST_F(VaultTest, DoesNotMakeAKeyWhenItMayNot) {
  EXPECT_NE(refusal(false).find("does not exist"), std::string::npos);
  EXPECT_FALSE(fs::exists(key_file()));
}

TEST_F(VaultTest, RefusesAKeyFileThatOthersMayRead) {
  for (const mode_t mode : {0640u, 0604u, 0660u}) {
    write_key_file(std::string(64, 'a'), mode);
    EXPECT_NE(refusal().find("chmod 600"), std::string::npos) << mode;
  }
}

TEST_F(VaultTest, RefusesAMalformedKeyFileWithoutRepeatingIt) {
  for (const std::string& text : {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g')}) {
    write_key_file(text);
    const auto message = refusal();
    EXPECT_NE(message.find("64 hex digits"), std::string::npos) << message;
    EXPECT_EQ(message.find("aaaa"), std::string::npos);
  }
  fs::remove(key_file());
  fs::create_directory(key_file());
  fs::permissions(key_file(), fs::perms::owner_all);
  EXPECT_NE(refusal().find("not a regular file"), std::string::npos);
}

TEST_F(VaultTest, SaysWhenTheFolderIsMissing) {
  const auto opened = Vault::open(folder / "missing" / "master.key", true, tenants);
  ASSERT_TRUE(opened.has_error());
  EXPECT_EQ(opened.error().code, Errc::unavailable);
  EXPECT_NE(opened.error().message.find("No such file"), std::string::npos) << opened.error().message;
}

}  // namespace
}  // namespace tomada::credentials
