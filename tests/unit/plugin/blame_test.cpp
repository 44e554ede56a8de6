#include "host/plugin/blame.hpp"

#include <gtest/gtest.h>

namespace tomada::plugin {
namespace {

struct BlameTest : testing::Test {
  runtime::ManualClock clock;
  Blame blame{clock};

  static std::shared_ptr<const abi::Crash> crash_of(std::size_t calls_count) {
    return std::make_shared<const abi::Crash>(abi::Crash{.cause = "ended", .signal = 11, .last_service = "", .last_words = "", .calls_count = calls_count});
  }
  Blame::Verdict alone(const std::string& job, const std::string& integration) {
    return blame.crashed("p", crash_of(1), job, integration);
  }
};

TEST_F(BlameTest, AJobThatCrashesTwiceAloneIsGivenUp) {
  EXPECT_FALSE(alone("j", "a").gives_up_job);
  EXPECT_TRUE(blame.suspects("j"));
  EXPECT_TRUE(alone("j", "a").gives_up_job);
  EXPECT_FALSE(blame.suspects("j")) << "the operator may try it again";
}

TEST_F(BlameTest, AmongOthersACrashMakesSuspectsOnly) {
  const auto crash = crash_of(3);
  for (const std::string job : {"j1", "j2", "j3"}) EXPECT_FALSE(blame.crashed("p", crash, job, "a").gives_up_job);
  EXPECT_TRUE(blame.suspects("j1") && blame.suspects("j2") && blame.suspects("j3"));
  blame.acquit("p", "j1");
  EXPECT_FALSE(blame.suspects("j1"));
  EXPECT_FALSE(alone("j2", "a").gives_up_job) << "the first time alone";
  EXPECT_TRUE(alone("j2", "a").gives_up_job);
}

TEST_F(BlameTest, OneIntegrationAloneNeverStopsThePlugin) {
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(alone("job " + std::to_string(i), "a").quarantines);
}

TEST_F(BlameTest, CrashesOfTwoIntegrationsDo) {
  EXPECT_FALSE(alone("j1", "a").quarantines);
  EXPECT_FALSE(alone("j2", "b").quarantines);
  const auto verdict = alone("j3", "b");
  ASSERT_TRUE(verdict.quarantines);
  EXPECT_EQ(verdict.quarantines->signal, 11);
}

TEST_F(BlameTest, AnEarlierVersionsCrashesDoNotCount) {
  const auto crash_of_version = [&](const std::string& version) {
    abi::Crash crash = *crash_of(1);
    crash.version = version;
    return std::make_shared<const abi::Crash>(std::move(crash));
  };
  for (const std::string job : {"j1", "j2"}) EXPECT_FALSE(blame.crashed("p", crash_of_version("1.0.0"), job, job).quarantines);
  EXPECT_FALSE(blame.crashed("p", crash_of_version("1.1.0"), "j3", "c").quarantines);
  EXPECT_FALSE(blame.crashed("p", crash_of_version("1.1.0"), "j4", "d").quarantines);
  const auto verdict = blame.crashed("p", crash_of_version("1.0.0"), "j5", "e");
  ASSERT_TRUE(verdict.quarantines) << "a call of the old one that still ran";
  EXPECT_EQ(verdict.quarantines->version, "1.0.0");
}

TEST_F(BlameTest, CrashesOfNobodyDo) {
  EXPECT_FALSE(blame.crashed_idle("p", crash_of(0)).quarantines);
  EXPECT_FALSE(blame.crashed_idle("p", crash_of(0)).quarantines);
  EXPECT_FALSE(blame.crashed_idle("q", crash_of(0)).quarantines) << "another plugin";
  EXPECT_TRUE(blame.crashed_idle("p", crash_of(0)).quarantines);
}

TEST_F(BlameTest, TenMinutesLaterItIsForgotten) {
  alone("j1", "a");
  alone("j2", "b");
  clock.advance(k_crash_window + std::chrono::seconds(1));
  EXPECT_FALSE(alone("j3", "c").quarantines);
}

TEST_F(BlameTest, ACrashAmongOthersIsExplainedByTheOneThatCrashesAlone) {
  // Three times the same: a, b and c are hit, a alone crashes. That is a's doing, three times.
  for (int i = 0; i < 3; ++i) {
    const auto crash = crash_of(3);
    const std::string n = std::to_string(i);
    for (const std::string who : {"a", "b", "c"}) blame.crashed("p", crash, who + n, who);
    EXPECT_FALSE(blame.acquit("p", "b" + n).quarantines);
    EXPECT_FALSE(alone("a" + n, "a").quarantines);
    EXPECT_FALSE(blame.acquit("p", "c" + n).quarantines);
  }
}

TEST_F(BlameTest, CrashesThatNoSuspectExplainsSpeakAgainstThePlugin) {
  for (int i = 0; i < 3; ++i) {
    const auto crash = crash_of(2);
    const std::string n = std::to_string(i);
    blame.crashed("p", crash, "a" + n, "a");
    blame.crashed("p", crash, "b" + n, "b");
    EXPECT_FALSE(blame.acquit("p", "a" + n).quarantines);
    EXPECT_EQ(blame.acquit("p", "b" + n).quarantines != nullptr, i == 2);
  }
}

TEST_F(BlameTest, AReleasedPluginHasACleanRecord) {
  alone("j1", "a");
  alone("j2", "b");
  blame.forget("p");
  EXPECT_FALSE(blame.suspects("j1"));
  EXPECT_FALSE(alone("j3", "c").quarantines);
}

}  // namespace
}  // namespace tomada::plugin
