#include "host/abi/inspect.hpp"

#include "tests/support/abi_test_plugins.hpp"

#include <gtest/gtest.h>

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>

namespace tomada::abi {
namespace {

namespace fs = std::filesystem;

std::vector<char> bytes_of(const std::string& name) {
  std::ifstream file(test_plugin(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string shown(const Inspection& inspection) {
  std::string all;
  for (const auto& refusal : inspection.refusals) all += refusal.rule + ": " + refusal.reason + "\n";
  return all;
}

/// Exactly one refusal, of that rule, with those words.
void expect_only(const Inspection& inspection, const std::string& rule, const std::string& words) {
  ASSERT_EQ(inspection.refusals.size(), 1u) << shown(inspection);
  EXPECT_EQ(inspection.refusals[0].rule, rule) << shown(inspection);
  EXPECT_NE(inspection.refusals[0].reason.find(words), std::string::npos) << shown(inspection);
}

TEST(Inspect, AcceptsAGoodPluginAndReportsIt) {
  const Inspection inspection = inspect_image(bytes_of("good"));
  EXPECT_EQ(shown(inspection), "");
  EXPECT_TRUE(inspection.has_manifest);
  EXPECT_EQ(inspection.manifest.id, "good");
  EXPECT_EQ(inspection.exports, std::vector<std::string>{"tomada_plugin_entry_v1"});
  EXPECT_EQ(inspection.sha256.size(), 64u);
  EXPECT_EQ(shown(inspect_image(bytes_of("trampoline_serial"))), "");
}

TEST(Inspect, P01NotElf) {
  const std::string script = "#!/bin/sh\necho hello\n";
  expect_only(inspect_image(script), "P01", "not an ELF file");
  expect_only(inspect_image({}), "P01", "not an ELF file");
}

TEST(Inspect, P02OtherMachine) {
  auto image = bytes_of("good");
  const Elf64_Half aarch64 = EM_AARCH64;
  std::memcpy(image.data() + offsetof(Elf64_Ehdr, e_machine), &aarch64, sizeof aarch64);
  expect_only(inspect_image(image), "P02", "another machine");
  image = bytes_of("good");
  image[EI_CLASS] = ELFCLASS32;
  expect_only(inspect_image(image), "P02", "another machine");
  image = bytes_of("good");
  image[EI_DATA] = ELFDATA2MSB;
  expect_only(inspect_image(image), "P02", "another machine");
}

TEST(Inspect, P03Truncated) {
  const auto image = bytes_of("good");
  for (const std::size_t size : {std::size_t{10}, sizeof(Elf64_Ehdr), image.size() / 4, image.size() / 2, image.size() - 1})
    expect_only(inspect_image(std::span(image).first(size)), "P03", "truncated");
}

TEST(Inspect, P04NotASharedObject) {
  auto image = bytes_of("good");
  const Elf64_Half type = ET_EXEC;
  std::memcpy(image.data() + offsetof(Elf64_Ehdr, e_type), &type, sizeof type);
  expect_only(inspect_image(image), "P04", "not a shared object");
  const auto self = inspect_file("/proc/self/exe");
  ASSERT_TRUE(self.has_value());
  EXPECT_NE(shown(*self).find("P04"), std::string::npos);
}

TEST(Inspect, P05NoNoteOrSeveral) {
  expect_only(inspect_image(bytes_of("no_note")), "P05", "no manifest note");
  expect_only(inspect_image(bytes_of("two_notes")), "P05", "several");
}

TEST(Inspect, P06WrongManifest) { expect_only(inspect_image(bytes_of("wrong_json")), "P06", "call_model: must be one of"); }

TEST(Inspect, P07NewerAbi) { expect_only(inspect_image(bytes_of("newer_abi")), "P07", "needs 1.9"); }

TEST(Inspect, P08Exports) {
  expect_only(inspect_image(bytes_of("exports_too_much")), "P08", "tomada_extra_symbol");
  expect_only(inspect_image(bytes_of("lacks_entry")), "P08", "does not export tomada_plugin_entry_v1");
}

TEST(Inspect, P09NeedsAnotherLibrary) { expect_only(inspect_image(bytes_of("extra_library")), "P09", "libz.so.1"); }

TEST(Inspect, P10NewerGlibc) {
  auto image = bytes_of("trampoline_serial");
  const std::string_view wanted = "GLIBC_2.2.5";
  auto found = std::search(image.begin(), image.end(), wanted.begin(), wanted.end());
  ASSERT_NE(found, image.end());
  std::copy_n("GLIBC_9.999", wanted.size(), found);
  expect_only(inspect_image(image), "P10", "needs GLIBC 9.999");
}

TEST(Inspect, P11StaticTls) { expect_only(inspect_image(bytes_of("static_tls")), "P11", "thread-local"); }

TEST(Inspect, P12UniqueSymbols) {
  const Inspection inspection = inspect_image(bytes_of("gnu_unique"));
  EXPECT_NE(shown(inspection).find("P12: has symbols that are unique in the process"), std::string::npos) << shown(inspection);
}

TEST(Inspect, P13WritableByOthers) {
  char name[] = "/tmp/tomada-inspect-XXXXXX";
  ::close(::mkstemp(name));
  fs::copy_file(test_plugin("good"), name, fs::copy_options::overwrite_existing);
  ::chmod(name, 0644);
  EXPECT_EQ(shown(*inspect_file(name)), "");
  ::chmod(name, 0664);
  expect_only(*inspect_file(name), "P13", "chmod go-w");
  ::chmod(name, 0644);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(name, 12345, 12345), 0);
    expect_only(*inspect_file(name), "P13", "owned by user 12345");
  }
  fs::remove(name);
}

TEST(Inspect, P19OwnCppRuntime) { expect_only(inspect_image(bytes_of("static_runtime")), "P19", "static libstdc++"); }

TEST(Inspect, P20NotARegularFile) {
  expect_only(*inspect_file("/dev/null"), "P20", "not a regular file");
  expect_only(*inspect_file("/tmp"), "P20", "not a regular file");
  char name[] = "/tmp/tomada-inspect-XXXXXX";
  ::close(::mkstemp(name));
  fs::resize_file(name, k_plugin_bytes_max + 1);
  expect_only(*inspect_file(name), "P20", "larger than 256 MiB");
  fs::remove(name);
}

TEST(Inspect, AMissingFileIsNotFound) { EXPECT_EQ(inspect_file("/tmp/no-such-plugin.so").error().code, Errc::not_found); }

TEST(Inspect, BearsAnyCorruption) {
  const auto image = bytes_of("trampoline_serial");
  std::mt19937 random(20260110);
  for (int round = 0; round < 3000; ++round) {
    auto corrupt = image;
    for (int i = 0; i < 1 + round % 8; ++i) {
      // Half of the hits where the headers are: the start, and the section headers at the end.
      const std::size_t near = round % 3 == 0 ? 4096 : corrupt.size();
      const std::size_t at = round % 3 == 1 ? corrupt.size() - 1 - random() % 3000 : random() % near;
      corrupt[at] = static_cast<char>(random());
    }
    if (round % 5 == 0) corrupt.resize(random() % corrupt.size());
    (void)inspect_image(corrupt);
  }
}

}  // namespace
}  // namespace tomada::abi
