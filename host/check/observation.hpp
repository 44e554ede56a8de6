// What a test has a plugin do, and what was seen of it. Both travel between processes as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace tomada::check {

/// Where the answers to a plugin's requests come from.
struct Answers {
  std::string kind{"adversary"};  // adversary | fixed | replay
  std::uint64_t seed{};           // adversary; replay: other than 0, the last answer comes again without its items
  int status{200};                // fixed
  std::string body{"{}"};         // fixed
};

/// One call of the plugin, or a trial of its C table.
struct Job {
  std::string what{"sync"};  // sync | test_connection | webhook | instances | a trial's name
  std::string entity{};
  std::string mode{"full"};
  std::string since{}, resume{};
  std::string body{};                      // webhook
  bool wants_reply{false};                 // webhook
  Answers answers{};
  std::uint64_t cancel_after{UINT64_MAX};  // services that were asked for: from then on the call is over
  std::uint64_t asked_max{20'000};         // services; from then on as well
  bool stop_at_checkpoint{false};          // the call is over once the first one is taken
  std::uint64_t count{1};                  // instances
};

struct Record {
  std::string entity, id, data;  // data: empty for a deletion
  std::int64_t updated_at_ms{};
  bool operator==(const Record&) const = default;
};

struct Observation {
  std::string status{"ok"};  // as in to_string(Errc)
  std::string message;
  std::string crash;                    // how its process ended, when it did
  std::vector<std::string> transcript;  // a line for each service that was asked for
  std::vector<std::string> faults;      // rules that it broke, in the host's words
  std::vector<std::string> leaks;       // where a secret was seen
  std::vector<std::string> undeclared;  // what it used although its manifest does not ask for it
  std::vector<Record> records;          // in their order
  std::vector<std::string> refused;     // why records were refused
  std::uint64_t unsaved_count{};        // records after the last checkpoint
  std::uint64_t handles_left_count{};
  std::uint64_t asked_after_end_count{};  // services, after the call was over
  std::vector<std::string> cursors;       // checkpoints
  std::vector<std::string> completed;     // entities
  bool completed_after_error{false};      // an answer before it was not 2xx, or was none
  std::uint64_t misses_count{};           // replay: requests that were not recorded
  std::int64_t memory_kib{};              // instances: by which the process grew
  bool operator==(const Observation&) const = default;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Answers, kind, seed, status, body)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Job, what, entity, mode, since, resume, body, wants_reply, answers, cancel_after, asked_max,
                                                stop_at_checkpoint, count)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Record, entity, id, data, updated_at_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Observation, status, message, crash, transcript, faults, leaks, undeclared, records, refused,
                                                unsaved_count, handles_left_count, asked_after_end_count, cursors, completed,
                                                completed_after_error, misses_count, memory_kib)

}  // namespace tomada::check
