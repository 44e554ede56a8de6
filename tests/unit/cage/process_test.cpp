#include "host/cage/process.hpp"

#include "host/cage/filter.hpp"
#include "host/cage/sealed_file.hpp"
#include "host/runtime/task.hpp"
#include "tests/unit/cage/probe.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>

namespace tomada::cage_test {
namespace {

using namespace std::chrono_literals;

class Process : public CageTest {
 protected:
  /// The loop runs until the process is reaped, whoever held it.
  void run_until_reaped(pid_t pid) {
    loop->run_until([pid] { return ::kill(pid, 0) != 0; });
  }
};
class ProcessAs : public CageTestAs {};
INSTANTIATE_TEST_SUITE_P(Users, ProcessAs, testing::Values(User::own, User::ordinary), name_of);

/// Sanitizers get their options and nothing else.
std::string without_sanitizer_options(const std::string& lines) {
  std::string kept;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at) + 1;
    const std::string line = lines.substr(at, end - at);
    if (line.find("SAN_OPTIONS=") == std::string::npos) kept += line;
    at = end;
  }
  return kept;
}

TEST_F(Process, StartsWithNothingOfTheHosts) {
  ::setenv("TOMADA_TEST_SECRET", "hunter2", 1);
  const cage::Descriptor inheritable(::fcntl(0, F_DUPFD, 20));
  Worker worker = start({"environment"});
  EXPECT_EQ(without_sanitizer_options(worker.rest()), "TZ=UTC\ndescriptor 0\ndescriptor 1\ndescriptor 2\ndescriptor 3\n");
  EXPECT_EQ(end_of(worker).text(), "exited with code 0");
}

TEST_F(Process, HandsThePluginOverReadOnlyAndAtItsBeginning) {
  const auto copy = cage::sealed_copy(TOMADA_CAGE_PLUGIN, std::uint64_t{64} << 20);
  ASSERT_TRUE(copy.has_value()) << copy.error().message;
  Worker worker = start({"environment"}, User::own, copy->descriptor.number());
  EXPECT_EQ(without_sanitizer_options(worker.rest()),
            "TZ=UTC\ndescriptor 0\ndescriptor 1\ndescriptor 2\ndescriptor 3\ndescriptor 4\nplugin read-only at 0\n");
}

TEST_P(ProcessAs, EndsAsTheKernelSays) {
  const std::pair<const char*, const char*> ways[] = {
      {"segv", "ended by signal 11 (SIGSEGV)"},     {"abort", "ended by signal 6 (SIGABRT)"},
      {"exit3", "exited with code 3"},              {"overflow", "ended by signal 11 (SIGSEGV)"},
      {"throw", "ended by signal 6 (SIGABRT)"},
  };
  for (const auto& [way, text] : ways) {
    const Worker worker = start_as({way});
    const cage::ProcessEnd end = end_of(worker);
    EXPECT_EQ(end.text(), text) << way << ": " << end.last_words;
    EXPECT_GT(end.cpu, 0us) << way;
    EXPECT_TRUE(worker.process->ended());
  }
}

TEST_F(Process, KeepsTheLastWords) {
  const cage::ProcessEnd end = end_of(start({"throw"}));
  EXPECT_NE(end.last_words.find("what():  the last words"), std::string::npos) << end.last_words;
}

TEST_P(ProcessAs, EndsWhenItsMemoryGrowsBeyondTheLimit) {
  if (cage::k_sanitizer) GTEST_SKIP() << "a sanitizer's shadow memory leaves no room for a limit";
  const cage::ProcessEnd end = end_of(start_as({"memory"}));
  EXPECT_EQ(end.text(), "ended by signal 6 (SIGABRT)");
  EXPECT_NE(end.last_words.find("bad_alloc"), std::string::npos) << end.last_words;
  EXPECT_GT(end.rss_max_bytes, std::uint64_t{64} << 20);
  EXPECT_LT(end.rss_max_bytes, std::uint64_t{160} << 20);
}

TEST_F(Process, ShoutingHoldsNobodyUp) {
  const cage::ProcessEnd end = end_of(start({"shout"}));
  EXPECT_EQ(end.text(), "exited with code 0");
  EXPECT_GT(end.last_words.size(), 0u);
  EXPECT_LE(end.last_words.size(), cage::k_last_words_bytes_max);
}

TEST_P(ProcessAs, ASpinningWorkerIsMeasuredDemotedAndKilled) {
  Worker worker = start_as({"spin"});
  EXPECT_NE(worker.line(), "");
  EXPECT_EQ(worker.line(), "ready");
  const auto used = [&] { return worker.process->usage()->cpu; };
  const auto before = used();
  while (used() < before + 20ms) {
  }
  EXPECT_EQ(worker.process->usage()->threads_count, 1u);
  EXPECT_GT(worker.process->usage()->rss_bytes, 100'000u);

  EXPECT_EQ(::sched_getscheduler(worker.process->pid()), SCHED_OTHER);
  EXPECT_TRUE(worker.process->demote());
  EXPECT_EQ(::sched_getscheduler(worker.process->pid()), SCHED_IDLE);

  (void)::kill(worker.process->pid(), SIGTERM);  // it blocks and ignores what it can
  EXPECT_FALSE(worker.process->ended());
  worker.process->kill();
  const cage::ProcessEnd end = end_of(worker);
  EXPECT_EQ(end.text(), "ended by signal 9 (SIGKILL)");
  EXPECT_GE(end.cpu, before + 20ms);
  EXPECT_EQ(worker.process->usage().error().code, Errc::not_found);
}

TEST_P(ProcessAs, DiesWithItsHost) {
  Worker host = start_as({"host"});
  const std::string said = host.line();
  ASSERT_EQ(said.substr(0, 7), "worker ") << said;
  const cage::Descriptor worker = watch(std::atoi(said.c_str() + 7));
  ASSERT_TRUE(worker) << "gone before its host was";
  host.process->kill();
  (void)end_of(host);
  wait_until_gone(worker);
}

TEST_F(Process, WithoutOwnerIsKilledAndReaped) {
  Worker worker = start({"spin"});
  const pid_t pid = worker.process->pid();
  worker.process->on_end([](const cage::ProcessEnd&) { FAIL() << "called after the destructor"; });
  worker.process.reset();
  run_until_reaped(pid);
}

TEST_F(Process, ALoopThatGoesTakesItsWorkersAlong) {
  Worker worker = start({"spin"});
  const pid_t pid = worker.process->pid();
  worker.process.reset();
  loop.reset();  // without another turn
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(Process, TellsItsEndOnceFromTheLoop) {
  Worker worker = start({"exit3"});
  int times = 0;
  worker.process->on_end([&](const cage::ProcessEnd& end) {
    ++times;
    EXPECT_EQ(end.exit_code, 3);
    worker.process.reset();  // allowed
  });
  EXPECT_EQ(times, 0);
  loop->run_until([&] { return times > 0; });
  while (loop->run_ready()) {
  }
  EXPECT_EQ(times, 1);
}

TEST_F(Process, TellsItsEndAlsoToWhoAsksLate) {
  const Worker worker = start({"exit3"});
  (void)end_of(worker);
  int times = 0;
  worker.process->on_end([&](const cage::ProcessEnd&) { ++times; });
  EXPECT_EQ(times, 0);
  loop->run_until([&] { return times > 0; });
  EXPECT_EQ(times, 1);
}

TEST_F(Process, OutlivesAWaitThatWasInterrupted) {
  Worker worker = start({"wait"});
  (void)worker.line();
  ASSERT_EQ(worker.line(), "ready");
  const auto waited = runtime::run(*loop, [&](runtime::Task& task) {
    task.interrupt(Errc::cancelled);
    return worker.process->wait(task);
  });
  ASSERT_TRUE(waited.has_error());
  EXPECT_EQ(waited.error().code, Errc::cancelled);
  EXPECT_FALSE(worker.process->ended());
  worker.socket.reset();
  EXPECT_EQ(end_of(worker).text(), "exited with code 0");
}

TEST_F(Process, SaysWhatCouldNotBeStarted) {
  const auto started = cage::Process::start(*loop, {.program = folder / "none"});
  ASSERT_TRUE(started.has_error());
  EXPECT_EQ(started.error().code, Errc::unavailable);
  EXPECT_NE(started.error().message.find("none: No such file"), std::string::npos) << started.error().message;
}

}  // namespace
}  // namespace tomada::cage_test
