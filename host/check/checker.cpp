#include "host/check/checker.hpp"

#include "host/abi/inspect.hpp"
#include "host/check/child.hpp"
#include "host/check/judge.hpp"
#include "host/check/provider.hpp"
#include "host/check/sample.hpp"
#include "host/check/subject.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace tomada::check {
namespace {

using nlohmann::json;
using runtime::Task;
using Outcome = TestResult::Outcome;

constexpr const char* k_file = "file";
constexpr const char* k_load = "load";
constexpr const char* k_not_loaded = "the plugin cannot be loaded";
constexpr std::chrono::milliseconds k_job_timeout{20'000};
constexpr std::int64_t k_growth_kib_max = 4'096;  // of 1,000 instances
constexpr std::uint64_t k_instances = 1'000;

/// "passed", or why not.
using Verdict = std::optional<Finding>;
Finding finding_of(abi::Refusal refusal) { return {std::move(refusal.rule), std::move(refusal.reason)}; }

class Checker {
 public:
  Checker(Task& task, const Options& options, const std::function<void(const TestResult&)>& told)
      : task_(task), options_(options), told_(told) {}

  Result<Report> run();

 private:
  // What all tests stand on.
  bool read_file();
  Result<void> prepare();
  Observation there(const Job& job, const Recording* recording = nullptr);
  Result<std::shared_ptr<worker::Link>> start_worker();

  // One test: its name decides whether it runs.
  template <class F>
  void test(const std::string& name, F&& body);
  void skip(const std::string& name, std::string reason);
  /// Jobs in a child process of the test's own; each is judged, `more` may add.
  Verdict all(const std::vector<Job>& jobs, const Setup& setup, const std::function<Verdict(const Job&, const Observation&)>& more = {});

  void loads();
  void arguments();
  void errors();
  void adversaries();
  void cancels();
  void webhooks();
  void both_ways();
  void recordings();
  Verdict resumed(const Setup& setup, const Recording& recording);

  [[nodiscard]] std::vector<Job> syncs() const;  // each entity in each of its modes
  static std::string name_of(const Job& job) { return job.entity + " " + job.mode; }

  Task& task_;
  const Options& options_;
  const std::function<void(const TestResult&)>& told_;
  Report report_;
  abi::Manifest manifest_;
  Subject subject_;
  Setup setup_;
  runtime::Metrics metrics_;
};

template <class F>
void Checker::test(const std::string& name, F&& body) {
  // Nothing can be said of a file that cannot be read or loaded.
  if (!options_.only.empty() && name.find(options_.only) == std::string::npos && name != k_file && name != k_load) return;
  TestResult result{.name = name};
  if (Verdict verdict = body()) {
    result.outcome = Outcome::failed;
    result.rule = std::move(verdict->rule);
    result.reason = std::move(verdict->reason);
  }
  told_(result);
  report_.results.push_back(std::move(result));
}

void Checker::skip(const std::string& name, std::string reason) {
  if (!options_.only.empty() && name.find(options_.only) == std::string::npos) return;
  TestResult result{name, Outcome::skipped, "", std::move(reason)};
  told_(result);
  report_.results.push_back(std::move(result));
}

bool Checker::read_file() {
  auto inspection = abi::inspect_file(options_.file);
  if (inspection.has_error()) {
    test(k_file, [&] { return Verdict(Finding{"P20", inspection.error().message}); });
    return false;
  }
  report_.sha256 = inspection->sha256;
  if (inspection->has_manifest) {
    manifest_ = std::move(inspection->manifest);
    report_.plugin_id = manifest_.id;
    report_.version = manifest_.version;
  }
  if (inspection->refusals.empty()) {
    test(k_file, [] { return Verdict(); });
    return true;
  }
  for (const abi::Refusal& refusal : inspection->refusals) test(k_file, [&] { return Verdict(finding_of(refusal)); });
  return false;
}

Result<void> Checker::prepare() {
  TOMADA_TRY_ASSIGN(subject_, Subject::seal(options_.file, manifest_, report_.sha256));
  setup_ = subject_.setup();
  return {};
}

Verdict Checker::all(const std::vector<Job>& jobs, const Setup& setup, const std::function<Verdict(const Job&, const Observation&)>& more) {
  auto child = Child::start(task_, options_.program, subject_.plugin->number(), setup);
  if (child.has_error()) return Finding{"K01", child.error().message};
  for (const Job& job : jobs) {
    const Observation seen = (*child)->run(task_, job, k_job_timeout);
    Verdict verdict = judge(job, seen);
    if (!verdict && more) verdict = more(job, seen);
    if (!verdict) continue;
    if (job.answers.kind == "adversary" && job.answers.seed != 0) verdict->reason += " (--seed " + std::to_string(job.answers.seed) + ")";
    return verdict;
  }
  return std::nullopt;
}

Result<std::shared_ptr<worker::Link>> Checker::start_worker() {
  return subject_.start_worker(task_, options_.worker_program, metrics_);
}

std::vector<Job> Checker::syncs() const {
  std::vector<Job> jobs;
  for (const abi::Entity& entity : manifest_.entities) {
    if (entity.full) jobs.push_back({.entity = entity.name, .mode = "full"});
    if (entity.incremental) jobs.push_back({.entity = entity.name, .mode = "incremental"});
  }
  return jobs;
}

void Checker::loads() {
  test(k_load, [&] {
    auto verdict = all({{.what = "instances", .count = 1}}, setup_, [](const Job&, const Observation& seen) -> Verdict {
      if (seen.status == "ok" || seen.status == "invalid_config") return std::nullopt;
      return finding_of(abi::refusal_of(seen.message, "P18"));
    });
    if (verdict && verdict->rule.starts_with('K')) verdict->rule = "P21";  // it never came to a call
    return verdict;
  });
  test("load in a worker", [&]() -> Verdict {
    const auto link = start_worker();
    const auto ready = link.has_value() ? (*link)->ready(task_) : Result<void>(link.error());
    if (ready.has_error()) return finding_of(abi::refusal_of(ready.error().message, "P21"));
    return std::nullopt;
  });
  if (report_.count(Outcome::failed) > 0) return skip("instances", k_not_loaded);
  test("instances", [&] {
    return all({{.what = "instances", .count = k_instances}}, setup_, [](const Job&, const Observation& seen) -> Verdict {
      if (seen.memory_kib <= k_growth_kib_max) return std::nullopt;
      return Finding{"K11", "the process grew by " + std::to_string(seen.memory_kib / 1024) + " MiB over " + std::to_string(k_instances) +
                                " instances that were made and destroyed"};
    });
  });
}

void Checker::arguments() {
  const auto is_error = [](const Job& job, const Observation& seen) -> Verdict {
    if (seen.status != "ok" && seen.status != "unknown") return std::nullopt;
    return Finding{"K09", job.what + (job.entity.empty() ? "" : " of the entity \"" + job.entity.substr(0, 40) + "\"") + " returned " +
                              (seen.status == "ok" ? "OK" : "a status that does not exist")};
  };
  test("unknown entity", [&] {
    std::vector<Job> jobs;
    for (const std::string& entity : {std::string("no-such-entity"), std::string(), std::string("\xff\xfe"), std::string(100'000, 'e')})
      jobs.push_back({.entity = entity, .answers = {.seed = options_.seed}});
    return all(jobs, setup_, is_error);
  });
  test("unknown mode, cursor and time", [&] {
    std::vector<Job> jobs;
    for (Job job : syncs()) {
      job.answers.seed = options_.seed;
      for (const std::string& text : {std::string("{"), std::string("\xff\xfe"), std::string("18446744073709551616"), std::string(1000, 'c')}) {
        job.resume = text;
        jobs.push_back(job);
        job.since = text;
        jobs.push_back(job);
      }
      job.mode = "unknown";
      jobs.push_back(job);
    }
    return all(jobs, setup_);
  });
  test("a call that is not there", [&] {
    // Who asks for no service does not need a call.
    std::vector<Job> usual{{.what = "test_connection"}};
    if (!manifest_.entities.empty()) usual.push_back({.entity = manifest_.entities.front().name});
    if (setup_.handles_webhooks) usual.push_back({.what = "webhook", .body = "{}"});
    std::vector<Job> jobs;
    auto verdict = all(usual, setup_, [&](const Job& job, const Observation& seen) {
      jobs.push_back({.what = "stale_" + job.what, .entity = job.entity});
      if (seen.transcript.empty() && seen.records.empty()) jobs.pop_back();
      return Verdict();
    });
    return verdict ? verdict : all(jobs, setup_, is_error);
  });
}

void Checker::errors() {
  std::vector<Job> jobs{{.what = "test_connection"}};
  for (const Job& job : syncs()) jobs.push_back(job);
  for (const auto& [name, status, body] : {std::tuple{"401", 401, R"({"error":"unauthorized"})"}, {"500", 500, "{}"}, {"503", 503, ""},
                                          {"a page of a proxy", 200, "<!doctype html><title>Sign in</title>"}})
    test(std::string("each request is answered with ") + name, [&, status = status, body = body] {
      std::vector<Job> refused = jobs;
      for (Job& job : refused) job.answers = {.kind = "fixed", .status = status, .body = body};
      return all(refused, setup_, judge_refused);
    });
}

void Checker::adversaries() {
  std::vector<Job> jobs = syncs();
  jobs.push_back({.what = "test_connection"});
  for (const Job& job : jobs)
    test("adversary: " + (job.entity.empty() ? job.what : name_of(job)), [&] {
      std::vector<Job> rounds;
      for (std::uint64_t round = 0; round < options_.rounds; ++round) {
        rounds.push_back(job);
        rounds.back().answers.seed = options_.seed + round;
      }
      return all(rounds, setup_);
    });
}

void Checker::cancels() {
  for (const Job& job : syncs())
    test("cancelled: " + name_of(job), [&] {
      std::vector<Job> rounds;
      for (std::uint64_t round = 0; round < options_.rounds; ++round) {
        rounds.push_back(job);
        rounds.back().answers.seed = options_.seed + round / 4;
        rounds.back().cancel_after = round % 4;
      }
      return all(rounds, setup_);
    });
}

void Checker::webhooks() {
  if (!setup_.handles_webhooks) return skip("webhooks", "the manifest has none");
  test("webhooks", [&] {
    const bool is_inline = manifest_.webhook->reply() == scheme::Reply::inline_;
    std::vector<Job> jobs;
    for (std::uint64_t round = 0; round < options_.rounds; ++round) {
      Dice dice(options_.seed + round);
      // What is no text cannot cross JSON to the child.
      std::string body = json(hostile_body(dice)).dump(-1, ' ', false, json::error_handler_t::replace);
      jobs.push_back({.what = "webhook", .body = json::parse(body).get<std::string>(), .wants_reply = is_inline && round % 2 == 0,
                      .answers = {.seed = options_.seed + round}});
    }
    return all(jobs, setup_);
  });
}

Observation Checker::there(const Job& job, const Recording* recording) {
  const auto link = start_worker();
  Observation seen;
  if (const auto ready = link.has_value() ? (*link)->ready(task_) : Result<void>(link.error()); ready.has_error()) {
    seen.crash = ready.error().message;
    return seen;
  }
  Setup setup = setup_;
  if (recording != nullptr) {
    setup.recording = *recording;
    setup.now_ms = recording->now_ms;
    setup.config_json = recording->config.dump();
  }
  return run_in_worker(task_, *link, setup, job);
}

void Checker::both_ways() {
  for (Job job : syncs())
    test("both ways: " + name_of(job), [&]() -> Verdict {
      for (std::uint64_t round = 0; round < 3; ++round) {
        job.answers.seed = options_.seed + round;
        const Observation worker = there(job);
        const auto verdict = all({job}, setup_, [&](const Job&, const Observation& seen) { return judge_alike(seen, worker); });
        if (verdict) return verdict;
        if (auto found = judge(job, worker)) return found;
      }
      return std::nullopt;
    });
}

/// From each checkpoint on, in a new run: all records come, and none is skipped.
Verdict Checker::resumed(const Setup& setup, const Recording& recording) {
  Job job{.entity = recording.entity, .mode = recording.mode, .since = recording.since, .answers = {.kind = "replay"}, .stop_at_checkpoint = true};
  std::map<std::pair<std::string, std::string>, std::string> collected;
  for (int runs = 0;; ++runs) {
    Observation last;
    const auto verdict = all({job}, setup, [&](const Job&, const Observation& seen) -> Verdict {
      last = seen;
      return std::nullopt;
    });
    // It is over at its checkpoint, so its status says nothing.
    if (verdict && verdict->rule != "K04") return verdict;
    if (last.misses_count > 0) return Finding{"K13", "a run that goes on from a checkpoint asks what the whole run did not: " + last.transcript.back().substr(0, 300)};
    for (const Record& record : last.records) collected[{record.entity, record.id}] = record.data;
    if (last.cursors.empty() || !last.completed.empty()) break;
    if (last.cursors.back() == job.resume || runs > 10'000) return Finding{"K13", "two runs end at the same checkpoint: " + job.resume.substr(0, 100)};
    job.resume = last.cursors.back();
  }
  std::map<std::pair<std::string, std::string>, std::string> wanted;
  for (const Record& record : recording.records) wanted[{record.entity, record.id}] = record.data;
  if (collected == wanted) return std::nullopt;
  for (const auto& [key, data] : wanted)
    if (!collected.contains(key)) return Finding{"K13", "a run that goes on from its checkpoints skips the record " + key.second};
  return Finding{"K13", "runs that go on from checkpoints bring other records than one whole run"};
}

void Checker::recordings() {
  if (options_.replay.empty()) return skip("replay", "no recording was given (--replay DIR)");
  auto recordings = load_recordings(options_.replay);
  if (recordings.has_error()) {
    test("replay", [&] { return Verdict(Finding{"K12", recordings.error().message}); });
    return;
  }
  for (const Recording& recording : *recordings) {
    const std::string name = recording.entity + " " + recording.mode;
    if (recording.plugin_id != manifest_.id) {
      skip("replay: " + name, "the recording is of the plugin " + recording.plugin_id);
      continue;
    }
    Setup setup = setup_;
    setup.recording = recording;
    setup.now_ms = recording.now_ms;
    setup.config_json = recording.config.dump();
    const Job job{.entity = recording.entity, .mode = recording.mode, .since = recording.since, .answers = {.kind = "replay"}};
    const auto as_recorded = [&](const Job&, const Observation& seen) -> Verdict {
      if (!seen.refused.empty()) return Finding{"C04", seen.refused.front()};
      if (seen.misses_count > 0) return Finding{"K12", "asks what was not recorded: " + seen.message};
      if (seen.status != "ok") return Finding{"K12", "ends as " + seen.status + ": " + seen.message};
      std::size_t asked = 0;
      for (const std::string& line : seen.transcript) asked += line.starts_with("http ") ? 1 : 0;
      if (asked != recording.traffic.size())
        return Finding{"K12", std::to_string(asked) + " requests, and " + std::to_string(recording.traffic.size()) + " were recorded"};
      if (seen.cursors.size() != recording.checkpoints_count)
        return Finding{"K12", std::to_string(seen.cursors.size()) + " checkpoints, and " + std::to_string(recording.checkpoints_count) + " were recorded"};
      if (seen.records != recording.records || seen.completed != recording.completed)
        return Finding{"K12", std::to_string(seen.records.size()) + " records and deletions that are not the recorded " +
                                  std::to_string(recording.records.size())};
      return std::nullopt;
    };
    test("replay: " + name, [&] { return all({job}, setup, as_recorded); });
    if (!report_.results.empty() && report_.results.back().outcome == Outcome::failed) {
      skip("replay in a worker, resumed, with empty pages, cancelled: " + name, "the recording does not fit");
      continue;
    }
    test("replay in a worker: " + name, [&]() -> Verdict {
      const Observation seen = there(job, &recording);
      if (auto found = judge(job, seen)) return found;
      return as_recorded(job, seen);
    });
    test("replay, resumed: " + name, [&] { return resumed(setup, recording); });
    test("replay, empty pages: " + name, [&] {
      Job empty = job;
      empty.answers.seed = 1;
      empty.asked_max = 1'000 + 10 * recording.traffic.size();
      return all({empty}, setup, [](const Job&, const Observation& seen) -> Verdict {
        const auto limit = std::find(seen.transcript.begin(), seen.transcript.end(), "cancelled");
        if (limit == seen.transcript.end()) return std::nullopt;
        return Finding{"K14", "asks for the next page for ever when each one is empty and says that there is more"};
      });
    });
    std::vector<Job> cancelled;
    for (std::uint64_t after = 0; after < std::min<std::uint64_t>(recording.traffic.size() * 2 + 2, 40); ++after) {
      cancelled.push_back(job);
      cancelled.back().cancel_after = after;
    }
    test("replay, cancelled: " + name, [&] { return all(cancelled, setup); });
  }
}

Result<Report> Checker::run() {
  if (!read_file()) return std::move(report_);
  TOMADA_TRY(prepare());
  const auto given = [](const std::optional<json>& own, const json& schema, const char* what) {
    return own ? Result<json>(boost::system::in_place_value, *own) : sample_of(schema, what);
  };
  const auto config = given(options_.config, manifest_.config_schema, "config");
  const auto credentials = given(options_.credentials, manifest_.credentials_schema, "credentials");
  std::string missing;
  if (config.has_error()) missing = config.error().message + "; give one with --config FILE";
  if (credentials.has_error()) missing = credentials.error().message + "; give them with --credentials FILE";
  if (options_.config) TOMADA_TRY(abi::check_schema(manifest_.config_schema, *options_.config, "config"));
  if (options_.credentials) TOMADA_TRY(abi::check_schema(manifest_.credentials_schema, *options_.credentials, "credentials"));
  if (config.has_value()) setup_.config_json = config->dump();
  if (credentials.has_value())
    for (const auto& [field, value] : credentials->items())
      if (value.is_string()) setup_.credentials[field] = value.get<std::string>();
  loads();
  if (missing.empty()) {
    // A configuration that its schema takes and create() does not: only a real one can say more.
    Observation made;
    (void)all({{.what = "instances", .count = 1}}, setup_, [&](const Job&, const Observation& seen) {
      made = seen;
      return Verdict();
    });
    if (made.status == "invalid_config") missing = "create() refused the sample: " + made.message + "; give a real one with --config FILE";
  }
  const bool is_loaded = report_.count(Outcome::failed) == 0;
  if (!is_loaded || !missing.empty()) {
    for (const char* const name : {"unknown entity", "unknown mode, cursor and time", "a call that is not there", "each request is answered with",
                                   "adversary", "cancelled", "webhooks", "both ways"})
      skip(name, is_loaded ? missing : k_not_loaded);
    if (!is_loaded) return std::move(report_);
  } else {
    arguments();
    errors();
    adversaries();
    cancels();
    webhooks();
    both_ways();
  }
  recordings();
  return std::move(report_);
}

}  // namespace

std::size_t Report::count(TestResult::Outcome outcome) const {
  return static_cast<std::size_t>(std::count_if(results.begin(), results.end(), [&](const TestResult& one) { return one.outcome == outcome; }));
}

Result<Report> run_check(const Options& options, const std::function<void(const TestResult&)>& told) {
  spdlog::set_level(spdlog::level::off);  // all of it is in the report
  const runtime::SystemClock clock;
  runtime::Loop loop(clock);
  return runtime::run(loop, [&](Task& task) { return Checker(task, options, told).run(); });
}

}  // namespace tomada::check
