// Runs cage_probe as a worker and hears what it says.
#pragma once

#include "host/cage/process.hpp"
#include "host/runtime/loop.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace tomada::cage_test {

/// Whose worker it is: a root host's is another thing than an ordinary user's.
enum class User : bool { own, ordinary };
std::string name_of(const testing::TestParamInfo<User>& info);

struct Worker {
  std::unique_ptr<cage::Process> process;
  cage::Descriptor socket;

  /// Without its end; blocks.
  std::string line();
  /// All until it closes its end; blocks.
  std::string rest();
};

class CageTest : public testing::Test {
 protected:
  /// A test that hangs is ended by the alarm.
  void SetUp() override;
  void TearDown() override;

  Worker start(std::vector<std::string> arguments, User user = User::own, int plugin = -1);
  cage::ProcessEnd end_of(const Worker& worker);

  runtime::SystemClock clock;
  std::unique_ptr<runtime::Loop> loop{std::make_unique<runtime::Loop>(clock)};
  std::filesystem::path folder;  // everybody may read it
};

class CageTestAs : public CageTest, public testing::WithParamInterface<User> {
 protected:
  void SetUp() override;
  Worker start_as(std::vector<std::string> arguments, int plugin = -1) {
    return start(std::move(arguments), GetParam(), plugin);
  }
};

/// A descriptor that becomes readable when the process is gone.
cage::Descriptor watch(pid_t pid);
/// Blocks.
void wait_until_gone(const cage::Descriptor& watched);

}  // namespace tomada::cage_test
