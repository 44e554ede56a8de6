// tomada plugin check FILE: a line for each test, and a word at the end.
#include "host/cli/commands.hpp"

#include "host/base/this_program.hpp"
#include "host/check/checker.hpp"
#include "host/check/recorder.hpp"
#include "host/cli/fields.hpp"
#include "host/worker/link.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>
#include <iomanip>
#include <ostream>

namespace tomada::cli {
namespace {

using check::TestResult;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr int k_could_not = 2;

std::string word_of(TestResult::Outcome outcome) {
  return outcome == TestResult::Outcome::passed ? "passed" : outcome == TestResult::Outcome::failed ? "FAILED" : "skipped";
}

Result<std::optional<json>> read_json(const std::string& file) {
  if (file.empty()) return std::optional<json>();
  std::ifstream in(file);
  if (!in) return fail(Errc::invalid_data, "cannot read " + file);
  json document = json::parse(in, nullptr, false);
  if (!document.is_object()) return fail(Errc::invalid_data, file + " is no JSON object");
  return std::optional<json>(std::move(document));
}

ordered_json to_json(const check::Report& report, std::uint64_t seed) {
  ordered_json view{{"plugin", report.plugin_id}, {"version", report.version}, {"sha256", report.sha256}, {"seed", seed}};
  for (const auto outcome : {TestResult::Outcome::passed, TestResult::Outcome::failed, TestResult::Outcome::skipped})
    view[outcome == TestResult::Outcome::failed ? "failed" : word_of(outcome)] = report.count(outcome);
  view["tests"] = ordered_json::array();
  for (const TestResult& result : report.results) {
    ordered_json one{{"name", result.name}, {"outcome", result.outcome == TestResult::Outcome::failed ? "failed" : word_of(result.outcome)}};
    if (!result.rule.empty()) one["rule"] = result.rule;
    if (!result.reason.empty()) one["reason"] = result.reason;
    view["tests"].push_back(std::move(one));
  }
  return view;
}

int could_not(Output output, const Error& error) {
  (void)failed(output, error);
  return k_could_not;
}

}  // namespace

int record_plugin(Output output, const settings::Settings& settings, const PluginCheck& chosen) {
  auto config = read_json(chosen.config);
  if (config.has_error()) return could_not(output, config.error());
  auto credentials = read_json(chosen.credentials);
  if (credentials.has_error()) return could_not(output, credentials.error());
  const check::RecordOptions options{.file = chosen.file,
                                     .worker_program = worker::program_beside_this_one(),
                                     .folder = chosen.record,
                                     .entity = chosen.entity,
                                     .config = config->value_or(json::object()),
                                     .credentials = credentials->value_or(json::object()),
                                     .http = {.ca_file = settings.http.ca_file, .allow_private = settings.http.allow_private}};
  const auto told = [&](const check::Recording& one, const std::filesystem::path& file) {
    output.out << "recorded " << one.entity << " " << one.mode << ": " << one.traffic.size() << " requests, " << one.records.size()
               << " records, " << one.checkpoints_count << " checkpoints in " << file.string() << "\n";
  };
  const auto recorded = check::record(options, told, [&](std::chrono::seconds wait) {
    output.err << "the provider answers 429: waiting " << wait.count() << " s\n";
  });
  if (recorded.has_error()) return could_not(output, recorded.error());
  output.err << "Credentials are replaced by ***; look whether the answers hold anything else that is not to be shared.\n";
  return 0;
}

int check_plugin(Output output, const PluginCheck& chosen, bool as_json) {
  auto config = read_json(chosen.config);
  if (config.has_error()) return could_not(output, config.error());
  auto credentials = read_json(chosen.credentials);
  if (credentials.has_error()) return could_not(output, credentials.error());
  const check::Options options{.file = chosen.file,
                               .program = this_program(),
                               .worker_program = worker::program_beside_this_one(),
                               .seed = chosen.seed,
                               .only = chosen.only,
                               .config = *std::move(config),
                               .credentials = *std::move(credentials),
                               .replay = chosen.replay};
  const auto started = std::chrono::steady_clock::now();
  const auto report = check::run_check(options, [&](const TestResult& result) {
    if (as_json) return;
    output.out << std::left << std::setw(9) << word_of(result.outcome) << result.name;
    if (!result.rule.empty()) output.out << "\n         " << result.rule << ": " << printable(result.reason);
    else if (!result.reason.empty()) output.out << " (" << printable(result.reason) << ")";
    output.out << "\n" << std::flush;
  });
  if (report.has_error()) return could_not(output, report.error());
  const auto failed_count = report->count(TestResult::Outcome::failed);
  if (as_json) {
    output.out << to_json(*report, chosen.seed).dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    return failed_count > 0 ? 1 : 0;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  output.out << "\n" << report->plugin_id << " " << report->version << ": " << report->count(TestResult::Outcome::passed) << " passed, "
             << failed_count << " failed, " << report->count(TestResult::Outcome::skipped) << " skipped in " << std::fixed
             << std::setprecision(1) << seconds << " s\n";
  return failed_count > 0 ? 1 : 0;
}

}  // namespace tomada::cli
