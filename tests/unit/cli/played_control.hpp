// A host whose answers the test writes.
#pragma once

#include "host/cli/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <deque>
#include <sstream>

namespace tomada::cli {

/// Answers from a list, in order, and keeps what it was asked.
class PlayedControl final : public Control {
 public:
  std::deque<serve::Answer> answers;
  std::vector<serve::Request> requests;
  Result<serve::Answer> call(const serve::Request& request) override {
    requests.push_back(request);
    serve::Answer next = answers.front();
    answers.pop_front();
    return next;
  }
  void answer(int status, const nlohmann::json& body) { answers.push_back({status, "application/json", body.dump()}); }
};

struct CliCommands : testing::Test {
  PlayedControl control;
  std::ostringstream out;
  std::ostringstream err;
  Output output{out, err};
};

}  // namespace tomada::cli
