#include "host/cage/sealed_file.hpp"

#include "tests/unit/cage/probe.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace tomada::cage_test {
namespace {

class SealedFile : public CageTest {
 protected:
  std::filesystem::path write(const std::string& bytes) {
    const auto file = folder / "plugin.so";
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }
  static std::string bytes_of(const cage::SealedFile& copy) {
    std::string bytes(copy.bytes + 1, ' ');
    bytes.resize(static_cast<std::size_t>(::pread(copy.descriptor.number(), bytes.data(), bytes.size(), 0)));
    return bytes;
  }
};

TEST_F(SealedFile, HoldsTheBytesAndTheirDigest) {
  const auto copy = cage::sealed_copy(write("abc"), 3);
  ASSERT_TRUE(copy.has_value()) << copy.error().message;
  EXPECT_EQ(copy->bytes, 3u);
  EXPECT_EQ(copy->sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(bytes_of(*copy), "abc");
}

TEST_F(SealedFile, CopiesMoreThanOnePiece) {
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes += std::to_string(i);
  const auto copy = cage::sealed_copy(write(bytes), bytes.size());
  ASSERT_TRUE(copy.has_value()) << copy.error().message;
  EXPECT_EQ(bytes_of(*copy), bytes);
}

TEST_F(SealedFile, CanBeChangedByNobody) {
  const auto copy = cage::sealed_copy(write("abc"), 3);
  ASSERT_TRUE(copy.has_value());
  const int number = copy->descriptor.number();
  EXPECT_EQ(::pwrite(number, "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(number, 0), -1);
  EXPECT_EQ(::ftruncate(number, 4), -1);
  EXPECT_EQ(::fcntl(number, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
  EXPECT_EQ(::mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0), MAP_FAILED);
  EXPECT_EQ(::fcntl(number, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(bytes_of(*copy), "abc");
}

TEST_F(SealedFile, StaysWhatItWasWhenTheFileIsReplacedOrDeleted) {
  const auto file = write("abc");
  const auto copy = cage::sealed_copy(file, 3);
  ASSERT_TRUE(copy.has_value());
  write("xyz");
  std::filesystem::remove(file);
  EXPECT_EQ(bytes_of(*copy), "abc");
}

TEST_F(SealedFile, IsLoadedThroughItsDescriptor) {
  const auto copy = cage::sealed_copy(TOMADA_CAGE_PLUGIN, std::uint64_t{64} << 20);
  ASSERT_TRUE(copy.has_value()) << copy.error().message;
  const std::string name = "/proc/self/fd/" + std::to_string(copy->descriptor.number());
  void* const loaded = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(loaded, nullptr) << ::dlerror();
  EXPECT_NE(::dlsym(loaded, "cage_constructor_report"), nullptr);
  ::dlclose(loaded);
}

TEST_F(SealedFile, RefusesOneByteTooMany) {
  const auto copy = cage::sealed_copy(write("abcd"), 3);
  ASSERT_TRUE(copy.has_error());
  EXPECT_EQ(copy.error().code, Errc::invalid_data);
  EXPECT_NE(copy.error().message.find("larger than 3 bytes"), std::string::npos) << copy.error().message;
}

TEST_F(SealedFile, RefusesWhatIsNoFileWithoutWaitingForIt) {
  const auto fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const auto& what : {fifo, folder, std::filesystem::path("/dev/zero")}) {
    const auto copy = cage::sealed_copy(what, 100);
    ASSERT_TRUE(copy.has_error()) << what;
    EXPECT_EQ(copy.error().code, Errc::invalid_data) << what;
  }
}

TEST_F(SealedFile, SaysWhichFileIsMissing) {
  const auto copy = cage::sealed_copy(folder / "none.so", 100);
  ASSERT_TRUE(copy.has_error());
  EXPECT_EQ(copy.error().code, Errc::unavailable);
  EXPECT_NE(copy.error().message.find("none.so: No such file"), std::string::npos) << copy.error().message;
}

}  // namespace
}  // namespace tomada::cage_test
