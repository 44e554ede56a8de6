#include "host/cage/seal.hpp"

#include "host/cage/filter.hpp"
#include "host/cage/sealed_file.hpp"
#include "tests/unit/cage/probe.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

namespace tomada::cage_test {
namespace {

/// A child of ours tries: what this system lacks is not the cage's fault.
bool system_gives(User user, const std::function<bool()>& tried) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = user == User::own || ::setresuid(54321, 54321, 54321) == 0;
    ::_exit(dropped && tried() ? 0 : 1);
  }
  int status = 1;
  (void)::waitpid(child, &status, 0);
  return status == 0;
}

bool has_landlock() { return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1u) >= 1; }
bool has_user_namespaces() {
  const User user = ::geteuid() == 0 ? User::ordinary : User::own;
  return system_gives(user, [] { return ::unshare(CLONE_NEWUSER) == 0; });
}
bool has_network_namespaces(User user) {
  return system_gives(user, [user] {
    const bool root = user == User::own && ::geteuid() == 0;
    return (root && ::unshare(CLONE_NEWNET) == 0) || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
  });
}

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The lines between the line `from` and the next one that ends with ':'.
std::vector<std::string> part(const std::string& text, const std::string& from) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  bool inside = false;
  for (std::string line; std::getline(stream, line);) {
    if (inside && !line.empty() && line.back() == ':') break;
    if (inside) lines.push_back(line);
    if (line == from) inside = true;
  }
  return lines;
}

/// By the cage, not by a wrong argument.
bool refused(const std::string& line) {
  const std::string name = line.substr(0, line.find(' '));
  for (const char* const reason : {"(EPERM)", "(EACCES)"})
    if (line == name + " refused " + reason) return true;
  return line == "thread refused (EAGAIN)" || line == "many_descriptors refused (EMFILE)";
}

// The sanitizers' runtimes live with calls that a worker is refused otherwise; the other builds judge.
constexpr const char* k_looser = "a sanitizer build has a longer list of calls";

class SealAs : public CageTestAs {};
INSTANTIATE_TEST_SUITE_P(Users, SealAs, testing::Values(User::own, User::ordinary), name_of);

/// What the attempts are aimed at is there, and open to whoever is not caged.
class Tried : public SealAs {
 protected:
  std::string run_attempts() {
    const auto secret = folder / "secret";
    std::ofstream(secret) << "hunter2";
    std::filesystem::permissions(secret, std::filesystem::perms{0666});
    const std::string name = "tomada_cage_" + std::to_string(::getpid());
    const cage::Descriptor abstract = listen_abstract(name);
    int port = 0;
    const cage::Descriptor tcp = listen_tcp(port);
    Worker sibling = start_as({"wait"});
    (void)sibling.line();
    (void)sibling.line();
    const auto plugin = cage::sealed_copy(TOMADA_CAGE_PLUGIN, std::uint64_t{64} << 20);
    if (plugin.has_error()) return plugin.error().message;
    Worker worker = start_as({"try", std::to_string(::getpid()), std::to_string(sibling.process->pid()),
                              secret.string(), name, std::to_string(port)},
                             plugin->descriptor.number());
    std::string text = worker.rest();
    text += end_of(worker).text();
    EXPECT_EQ(file_text(secret.string()), "hunter2");
    return text;
  }

 private:
  static cage::Descriptor listen_abstract(const std::string& name) {
    cage::Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    name.copy(at.sun_path + 1, sizeof at.sun_path - 2);
    EXPECT_EQ(::bind(listener.number(), reinterpret_cast<const sockaddr*>(&at),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())), 0);
    EXPECT_EQ(::listen(listener.number(), 1), 0);
    return listener;
  }
  static cage::Descriptor listen_tcp(int& port) {
    cage::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener.number(), reinterpret_cast<const sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener.number(), 1), 0);
    EXPECT_EQ(::getsockname(listener.number(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    port = ntohs(at.sin_port);
    return listener;
  }
};
INSTANTIATE_TEST_SUITE_P(Users, Tried, testing::Values(User::own, User::ordinary), name_of);

TEST_P(Tried, AllThatAPluginTriesIsRefusedAndWhatItNeedsWorks) {
  if (cage::k_sanitizer) GTEST_SKIP() << k_looser;
  const std::string text = run_attempts();
  ASSERT_NE(text.find("exited with code 0"), std::string::npos) << text;
  for (const char* const when : {"constructor:", "sealed again:"}) {
    const std::vector<std::string> lines = part(text, when);
    EXPECT_GT(lines.size(), 60u) << when << "\n" << text;
    for (const std::string& line : lines) {
      // Without Landlock the dynamic linker's right to open files is the constructor's as well.
      if (!has_landlock() && when == std::string("constructor:") && line.starts_with("open_")) continue;
      EXPECT_TRUE(line.starts_with("again: ") || refused(line)) << when << " " << line;
    }
  }
  const std::vector<std::string> needs = part(text, "needs:");
  EXPECT_EQ(needs.size(), 8u) << text;
  for (const std::string& line : needs) EXPECT_TRUE(line.ends_with(" works") || line == "exited with code 0") << line;
}

TEST_P(SealAs, SaysWhatHolds) {
  Worker worker = start_as({"wait"});
  const std::string said = worker.line();
  ASSERT_EQ(said.substr(0, 8), "sealed: ") << said;
  const std::string there = said.substr(0, said.find("; missing: "));
  const auto holds = [&](const char* what) { return there.find(what) != std::string::npos; };
  EXPECT_EQ(holds("Landlock "), has_landlock()) << said;
  if (!cage::k_sanitizer) {  // TSan's own thread keeps this process from trying
    EXPECT_EQ(holds("user namespace"), has_user_namespaces()) << said;
    EXPECT_EQ(holds("network namespace"), has_network_namespaces(GetParam())) << said;
  }
  EXPECT_EQ(holds("memory limit"), !cage::k_sanitizer) << said;
  for (const char* const what : {"seccomp", "no new privileges", "not dumpable", "unprivileged user", "task limit"})
    EXPECT_TRUE(holds(what)) << what << " is not in: " << said;
}

TEST_P(SealAs, IsWhatTheKernelSaysToo) {
  Worker worker = start_as({"wait"});
  (void)worker.line();
  ASSERT_EQ(worker.line(), "ready");
  const std::string proc = "/proc/" + std::to_string(worker.process->pid());
  const std::string status = file_text(proc + "/status");
  for (const char* const line : {"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "Seccomp_filters:\t2\n", "Threads:\t1\n",
                                 "CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n",
                                 "CapEff:\t0000000000000000\n", "CapAmb:\t0000000000000000\n"})
    EXPECT_NE(status.find(line), std::string::npos) << line << "is not in:\n" << status;
  EXPECT_EQ(status.find("Uid:\t0"), std::string::npos) << status;
  EXPECT_EQ(status.find("Gid:\t0"), std::string::npos) << status;
  const std::string limits = file_text(proc + "/limits");
  EXPECT_NE(limits.find("Max open files            36                   36 "), std::string::npos) << limits;
  EXPECT_NE(limits.find("Max core file size        0                    0 "), std::string::npos) << limits;
  EXPECT_NE(limits.find("Max file size             0                    0 "), std::string::npos) << limits;
  if (cage::k_sanitizer) return;
  EXPECT_NE(limits.find("Max data size             134217728            134217728 "), std::string::npos) << limits;
}

TEST_P(SealAs, LetsThreadsStartUpToTheirLimitAndNothingElse) {
  if (cage::k_sanitizer) GTEST_SKIP() << k_looser;
  if (!has_user_namespaces()) GTEST_SKIP() << "no user namespaces here: the host counts a worker's threads";
  Worker worker = start_as({"threads", "8", "100"});
  const std::string said = worker.line();
  ASSERT_NE(said.find("task limit"), std::string::npos) << said;
  // With the first one; and what has ended no longer counts.
  for (int round = 0; round < 3; ++round) EXPECT_EQ(worker.line(), "started 7");
  std::istringstream lines(worker.rest());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_TRUE(refused(line)) << line;
  EXPECT_GT(count, 60);
}

TEST_P(SealAs, LetsAPluginWithThreadsMakeAPlainPipeWhileItIsLoaded) {
  if (cage::k_sanitizer) GTEST_SKIP() << k_looser;
  Worker worker = start_as({"pipes"});
  (void)worker.line();
  EXPECT_EQ(worker.rest(), "load plain works\nload packets refused\nload notifications refused\n"
                           "run plain refused\nrun packets refused\nrun notifications refused\n");
}

TEST_P(SealAs, LeavesAnEventLoopThatWasMadeBefore) {
  Worker worker = start_as({"loop"});
  EXPECT_EQ(worker.line().substr(0, 8), "sealed: ");
  ASSERT_EQ(::write(worker.socket.number(), "ping", 4), 4);
  EXPECT_EQ(worker.rest(), "ping");
  EXPECT_EQ(end_of(worker).text(), "exited with code 0");
}

}  // namespace
}  // namespace tomada::cage_test
