// Whose files the registry takes: signed, unsigned, changed, pinned; keys that come and go.
#include "host/plugin/trust.hpp"
#include "tests/unit/plugin/versions_fixture.hpp"

namespace tomada::plugin {
namespace {

constexpr std::string_view k_acme = "-----BEGIN PRIVATE KEY-----\n"
                                    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                                    "-----END PRIVATE KEY-----\n";
constexpr std::string_view k_other = "-----BEGIN PRIVATE KEY-----\n"
                                     "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
                                     "-----END PRIVATE KEY-----\n";

struct TrustTest : VersionsTest {
  const fs::path keys_dir = folder.path() / "keys";
  const fs::path file = folder.path() / "one" / "good.so";

  TrustTest() { fs::create_directory(keys_dir); }

  [[nodiscard]] TrustOptions required() const { return {.signature_required = true, .keys_dir = keys_dir, .sha256 = {}}; }
  [[nodiscard]] TrustOptions optional() const { return {.signature_required = false, .keys_dir = keys_dir, .sha256 = {}}; }

  static void write(const fs::path& to, const std::string& text, unsigned mode = 0644) {
    fs::remove(to);
    std::ofstream(to, std::ios::binary) << text;
    fs::permissions(to, fs::perms(mode));
  }
  void trust(std::string_view private_key, const std::string& name) {
    write(keys_dir / (name + ".pem"), format_public_key(value_of(sign(Secret(private_key), "")).key));
  }
  void put_signature(std::string_view private_key, const fs::path& of) {
    write(signature_file_of(of), format_signature(value_of(sign(Secret(private_key), value_of(abi::inspect_file(of)).sha256))));
  }
  static std::string reason(const Registry& registry) { return registry.entries()->at(0).refusals.at(0).reason; }
  static std::string signer(const Registry& registry) {
    const auto& one = registry.entries()->at(0).signer;
    return one ? one->name : "nobody";
  }
};

TEST_F(TrustTest, P23RefusesWhatIsNotSignedByATrustedKeyWhenItMustBe) {
  put("1.1.0");
  auto registry = open("one", required());
  EXPECT_EQ(rule(*registry), "P23");
  EXPECT_NE(reason(*registry).find("plugins.signatures"), std::string::npos) << "which setting says so";
  EXPECT_EQ(registry->find("good"), nullptr);

  put_signature(k_other, file);
  refresh(*registry);
  EXPECT_EQ(rule(*registry), "P23");
  EXPECT_NE(reason(*registry).find("tomada plugin trust"), std::string::npos);
  EXPECT_TRUE(probed.empty()) << "none of its code ran";

  trust(k_acme, "acme");
  put_signature(k_acme, file);
  refresh(*registry);
  EXPECT_EQ(rule(*registry), "");
  EXPECT_EQ(current(*registry), "1.1.0");
  EXPECT_EQ(signer(*registry), "acme");
  EXPECT_EQ(registry->snapshot()->find("good")->all.at(0).signer->name, "acme");
}

TEST_F(TrustTest, WhereSignaturesAreOptionalTheyAreShownAndHold) {
  put("1.1.0");
  const auto registry = open("one", optional());
  EXPECT_EQ(signer(*registry), "nobody");
  put_signature(k_acme, file);
  refresh(*registry);
  EXPECT_EQ(signer(*registry), "") << "signed, by a key that nobody trusts";
  trust(k_acme, "acme");
  refresh(*registry);
  EXPECT_EQ(signer(*registry), "acme");
  EXPECT_EQ(probed.size(), 1u) << "it is the same version all the time";
}

TEST_F(TrustTest, P24RefusesASignatureOfOtherBytesInAnyCase) {
  put("1.1.0");
  trust(k_acme, "acme");
  put_signature(k_acme, file);
  put("1.2.0");
  const auto registry = open("one", optional());
  EXPECT_EQ(rule(*registry), "P24");
  EXPECT_EQ(registry->find("good"), nullptr);
  for (const std::string& rubbish : {std::string(), std::string("-----BEGIN PGP SIGNATURE-----\n"), std::string(2000, 'x')}) {
    write(signature_file_of(file), rubbish);
    refresh(*registry);
    EXPECT_EQ(rule(*registry), "P24") << rubbish;
  }
  fs::remove(signature_file_of(file));
  refresh(*registry);
  EXPECT_EQ(rule(*registry), "");
}

TEST_F(TrustTest, AKeyThatIsNotTrustedAnyMoreStopsItsVersionsAtOnceAndAfterAStart) {
  trust(k_acme, "acme");
  trust(k_other, "other");
  put("1.1.0");
  put_signature(k_other, file);
  auto registry = open("one", required());
  fs::remove(signature_file_of(file));
  put("1.2.0");
  put_signature(k_acme, file);
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.2.0");
  const auto release = registry->find("good");
  EXPECT_EQ(registry->snapshot()->find("good")->names(), "1.1.0, 1.2.0") << "the version before is kept with its signature";

  fs::remove(keys_dir / "acme.pem");
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.1.0") << "which the other key signed";
  EXPECT_EQ(rule(*registry), "P23");
  EXPECT_EQ(registry->may_run(*release, tenant.tenant_id).error().code, Errc::unavailable) << "also for a call that was to come";

  fs::remove(keys_dir / "other.pem");
  refresh(*registry);
  EXPECT_EQ(registry->choose("good", tenant.tenant_id).error().code, Errc::not_found);
  registry = open("one", required());
  EXPECT_EQ(registry->choose("good", tenant.tenant_id).error().code, Errc::not_found);

  trust(k_acme, "acme");
  refresh(*registry);
  EXPECT_EQ(current(*registry), "1.2.0");
  EXPECT_EQ(registry->snapshot()->find("good")->names(), "1.2.0");
}

TEST_F(TrustTest, P25TakesOnlyThePinnedContentsOfThatPlugin) {
  put("1.1.0");
  const std::string sha256 = value_of(abi::inspect_file(file)).sha256;
  const std::string other(64, 'a');
  EXPECT_EQ(rule(*open("one", {.sha256 = {"good=" + other}})), "P25");
  EXPECT_EQ(rule(*open("one", {.sha256 = {"good=" + other, "good=" + sha256}})), "");
  EXPECT_EQ(rule(*open("one", {.sha256 = {"another=" + other}})), "") << "one that is not named is free";
}

TEST_F(TrustTest, AWrongPinIsRefusedAtTheStart) {
  for (const std::string& wrong : {std::string("good"), std::string("good="), "good=" + std::string(63, 'a'), "Good=" + std::string(64, 'a'),
                                   "=" + std::string(64, 'a'), "good=" + std::string(64, 'g')}) {
    const auto made = Trust::make({.sha256 = {"another=" + std::string(64, 'a'), wrong}});
    ASSERT_TRUE(made.has_error()) << wrong;
    EXPECT_EQ(made.error().code, Errc::invalid_config);
    EXPECT_NE(made.error().message.find("plugins.sha256[1]"), std::string::npos) << made.error().message;
  }
}

TEST_F(TrustTest, KeysThatOthersMayWriteAreNotTrusted) {
  trust(k_acme, "acme");
  fs::permissions(keys_dir / "acme.pem", fs::perms(0664));
  write(keys_dir / "rubbish.pem", "rubbish");
  write(keys_dir / "-x.pem", "rubbish");
  trust(k_other, "other");
  const auto keys = value_of(read_trusted_keys(keys_dir));
  ASSERT_EQ(keys.names.size(), 1u);
  EXPECT_EQ(keys.names.begin()->second, "other");
  EXPECT_EQ(keys.problems.size(), 3u);
  fs::permissions(keys_dir, fs::perms(0777));
  EXPECT_EQ(read_trusted_keys(keys_dir).error().code, Errc::unavailable) << "anybody could put a key there";
  EXPECT_TRUE(value_of(read_trusted_keys(folder.path() / "none")).names.empty());
}

}  // namespace
}  // namespace tomada::plugin
