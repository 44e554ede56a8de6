// tomada plugin check: everything that can be found out about a plugin file without its provider.
#pragma once

#include "host/base/result.hpp"
#include "host/runtime/loop.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tomada::check {

struct Options {
  std::filesystem::path file;
  std::filesystem::path program;         // this one, for child processes
  std::filesystem::path worker_program;  // tomada-worker
  std::uint64_t seed{1};                 // of the adversary's first answers
  std::uint64_t rounds{40};              // adversaries for each entity
  std::string only;                      // tests whose name contains it; empty: all
  std::optional<nlohmann::json> config, credentials;  // in place of samples
  std::filesystem::path replay;          // a folder of recordings; empty: none
};

struct TestResult {
  enum class Outcome { passed, failed, skipped };
  std::string name;
  Outcome outcome{Outcome::passed};
  std::string rule{};    // when it failed
  std::string reason{};  // why it failed or was skipped
};

struct Report {
  std::string plugin_id, version, sha256;
  std::vector<TestResult> results;

  [[nodiscard]] std::size_t count(TestResult::Outcome outcome) const;
};

/// Blocks. Plugin code runs in closed-off child processes only. `told` hears of each result as it comes. An error: the check
/// itself could not be done.
Result<Report> run_check(const Options& options, const std::function<void(const TestResult&)>& told);

}  // namespace tomada::check
