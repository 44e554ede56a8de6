#include "tests/unit/cage/probe.hpp"

#include "host/runtime/task.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace tomada::cage_test {
namespace {

constexpr unsigned k_test_s_max = 120;
constexpr const char* k_setpriv = "/usr/bin/setpriv";

}  // namespace

std::string name_of(const testing::TestParamInfo<User>& info) {
  return info.param == User::own ? "AsTheTestsUser" : "AsAnOrdinaryUser";
}

std::string Worker::line() {
  std::string text;
  for (char byte = 0; ::read(socket.number(), &byte, 1) == 1 && byte != '\n';) text += byte;
  return text;
}

std::string Worker::rest() {
  std::string text;
  char piece[4096];
  for (ssize_t count = 0; (count = ::read(socket.number(), piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(count));
  return text;
}

void CageTest::SetUp() {
  ::alarm(k_test_s_max);
  std::string pattern = (std::filesystem::temp_directory_path() / "tomada_cage_XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  folder = pattern;
  // A copy, because other users may not reach the build folder.
  std::filesystem::permissions(folder, std::filesystem::perms{0755});
  std::filesystem::copy_file(TOMADA_CAGE_PROBE, folder / "cage_probe");
}

void CageTest::TearDown() {
  loop.reset();
  std::filesystem::remove_all(folder);
  ::alarm(0);
}

Worker CageTest::start(std::vector<std::string> arguments, User user, int plugin) {
  std::filesystem::path program = folder / "cage_probe";
  if (user == User::ordinary) {
    arguments.insert(arguments.begin(), {"--reuid=54321", "--regid=54321", "--clear-groups", program.string()});
    program = k_setpriv;
  }
  auto process = cage::Process::start(*loop, {.program = program, .arguments = std::move(arguments), .plugin = plugin});
  if (process.has_error()) {
    ADD_FAILURE() << process.error().message;
    std::abort();
  }
  Worker worker{.process = *std::move(process)};
  worker.socket = worker.process->take_socket();
  (void)::fcntl(worker.socket.number(), F_SETFL, 0);  // blocking
  return worker;
}

cage::ProcessEnd CageTest::end_of(const Worker& worker) {
  return *runtime::run(*loop, [&](runtime::Task& task) { return worker.process->wait(task); });
}

void CageTestAs::SetUp() {
  CageTest::SetUp();
  if (GetParam() == User::own) return;
  if (::geteuid() != 0) GTEST_SKIP() << "the tests' user is an ordinary one already";
  if (!std::filesystem::exists(k_setpriv)) GTEST_SKIP() << "no " << k_setpriv;
}

cage::Descriptor watch(pid_t pid) {
  return cage::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

void wait_until_gone(const cage::Descriptor& watched) {
  pollfd gone{.fd = watched.number(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&gone, 1, -1), 1);
}

}  // namespace tomada::cage_test
