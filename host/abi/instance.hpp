// One integration's instance, wherever the plugin's code runs.
#pragma once

#include "host/abi/services.hpp"
#include "host/runtime/task.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tomada::abi {

enum class SyncMode : std::uint32_t { full = 1, incremental = 2 };

struct SyncRequest {
  std::string entity;
  SyncMode mode{SyncMode::full};
  std::string since;
  std::string resume;
};

/// Borrowed until handle_webhook() returns.
struct Webhook {
  std::string_view event_id;
  std::string_view event_type;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;
  std::int64_t received_at_ms{};
  std::uint32_t attempt{1};
  bool wants_reply{false};  // the provider waits: the plugin may call Services::reply()
};

/// How the process ended that ran an instance, without being asked to.
struct Crash {
  std::string cause;         // "ended by signal 11 (SIGSEGV)", "did not end its call within 2 s of being told to"
  std::int32_t signal{};     // 0: none; a host's own kill is none
  std::string last_service;  // that was asked for last: "http_open"; empty: none
  std::string last_words;    // the end of its stderr, printable
  std::size_t calls_count{};  // that ran in it
  std::string version{};      // of the plugin
};

/// Lives on one loop; every function on that loop's thread. A plugin that throws or returns an unknown status gives INTERNAL,
/// one whose process ended UNAVAILABLE; then broken() is true: make a new instance.
class Instance {
 public:
  /// No call is running.
  virtual ~Instance() = default;

  /// What create() said: OK, or INVALID_CONFIG with the plugin's own words.
  virtual Result<void> ready(runtime::Task& task) = 0;

  /// Each waits for its turn when the manifest says `serial` (bounded by the task's deadline).
  virtual Result<void> test_connection(runtime::Task& task, Services& services) = 0;
  virtual Result<void> sync(runtime::Task& task, Services& services, const SyncRequest& request) = 0;
  /// `began` (may be null): whether the plugin was entered; false when the call's time went by waiting for its turn.
  virtual Result<void> handle_webhook(runtime::Task& task, Services& services, const Webhook& webhook,
                                      bool* began = nullptr) = 0;

  /// The least that the stack of a calling task must have.
  [[nodiscard]] virtual std::size_t stack_bytes() const = 0;
  [[nodiscard]] virtual std::size_t calls_count() const = 0;  // running and waiting
  [[nodiscard]] virtual bool broken() const = 0;
  /// It runs in a process of its own.
  [[nodiscard]] virtual bool is_remote() const { return false; }
  /// Null: its process lives, or is the host's own. Shared with all instances that ended with it.
  [[nodiscard]] virtual std::shared_ptr<const Crash> crash() const { return nullptr; }
};

}  // namespace tomada::abi
