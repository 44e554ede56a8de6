#include "host/plugin/registry.hpp"

#include "host/plugin/in_process_loader.hpp"

#include "tests/support/abi_test_plugins.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace tomada::plugin {
namespace {

namespace fs = std::filesystem;

struct RegistryTest : testing::Test {
  fs::path root;
  fs::path plugins;
  fs::path copies;

  RegistryTest() {
    char name[] = "/tmp/tomada-registry-XXXXXX";
    root = ::mkdtemp(name);
    plugins = root / "plugins";
    copies = root / "copies";
    fs::create_directory(plugins);
  }
  ~RegistryTest() override { fs::remove_all(root); }

  void add(const std::string& plugin, const std::string& file) {
    fs::copy_file(abi::test_plugin(plugin), plugins / file);
    fs::permissions(plugins / file, fs::perms(0644));
  }
  std::unique_ptr<Registry> scan(RegistryOptions options = {}) {
    auto registry = Registry::scan(plugins, copies, std::move(options));
    EXPECT_TRUE(registry.has_value());
    return std::move(*registry);
  }
};

TEST_F(RegistryTest, LooksAtFilesByNameAndKeepsBadOnesAsEntries) {
  add("good", "b.so");
  add("trampoline_serial", "a.so");
  std::ofstream(plugins / "c.so") << "not a plugin";
  fs::permissions(plugins / "c.so", fs::perms(0644));
  std::ofstream(plugins / "README") << "not looked at";
  const auto registry = scan();
  ASSERT_EQ(registry->entries()->size(), 3u);
  EXPECT_EQ((*registry->entries())[0].plugin_id, "trampoline-serial");
  EXPECT_EQ((*registry->entries())[1].plugin_id, "good");
  ASSERT_EQ((*registry->entries())[2].refusals.size(), 1u);
  EXPECT_EQ((*registry->entries())[2].refusals[0].rule, "P01");
  EXPECT_NE(registry->find("good"), nullptr);
  EXPECT_EQ(registry->find("other"), nullptr);
}

TEST_F(RegistryTest, TheSameContentUnderTwoNamesIsOneVersion) {
  add("good", "a.so");
  add("good_twin", "b.so");
  const auto registry = scan();
  for (const Entry& entry : *registry->entries()) EXPECT_TRUE(entry.refusals.empty());
  EXPECT_EQ(registry->snapshot()->find("good")->all.size(), 1u);
}

TEST_F(RegistryTest, P14AndP16RefuseWhatThisHostCannotRun) {
  add("thread_model", "a.so");
  add("unknown_service", "b.so");
  const auto registry = scan({.in_process = true});
  ASSERT_EQ((*registry->entries())[0].refusals.size(), 1u);
  EXPECT_EQ((*registry->entries())[0].refusals[0].rule, "P16");
  ASSERT_EQ((*registry->entries())[1].refusals.size(), 1u);
  EXPECT_EQ((*registry->entries())[1].refusals[0].rule, "P14");
  EXPECT_NE((*registry->entries())[1].refusals[0].reason.find("unstable.telepathy/1"), std::string::npos);
  EXPECT_EQ(registry->choose("thread-model", "t").error().code, Errc::not_found);
  EXPECT_NE(scan()->find("thread-model"), nullptr) << "in a worker it can";
}

TEST_F(RegistryTest, LoadsAReadOnlyCopyThatOutlivesTheFile) {
  add("good", "a.so");
  const auto registry = scan();
  const fs::path copy = copies / "sha256" / ((*registry->entries())[0].sha256 + ".so");
  EXPECT_EQ(fs::status(copy).permissions(), fs::perms(0500));
  fs::remove(plugins / "a.so");
  InProcessLoader loader;
  const auto loaded = loader.load(*registry->find("good"));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(*loaded, *loader.load(*registry->find("good"))) << "loaded once";
}

TEST_F(RegistryTest, ADamagedCopyIsReplacedByAScanAndRefusedByLoad) {
  add("good", "a.so");
  auto registry = scan();
  const fs::path copy = copies / "sha256" / ((*registry->entries())[0].sha256 + ".so");
  fs::permissions(copy, fs::perms(0600));
  std::ofstream(copy, std::ios::app) << "damage";
  InProcessLoader loader;
  const auto loaded = loader.load(*registry->find("good"));
  ASSERT_TRUE(loaded.has_error());
  EXPECT_EQ(loaded.error().code, Errc::unavailable);
  registry = scan();
  EXPECT_TRUE(loader.load(*registry->find("good")).has_value());
}

TEST_F(RegistryTest, ALoadThatTheLoaderRefusesNamesThePluginAndTheRule) {
  add("unresolved", "a.so");
  const auto registry = scan();
  const auto loaded = InProcessLoader().load(*registry->find("unresolved"));
  ASSERT_TRUE(loaded.has_error());
  EXPECT_NE(loaded.error().message.find("plugin unresolved: P17: the loader refused"), std::string::npos);
}

TEST_F(RegistryTest, AMissingDirectoryIsAnError) {
  EXPECT_EQ(Registry::scan(root / "none", copies).error().code, Errc::not_found);
}

}  // namespace
}  // namespace tomada::plugin
