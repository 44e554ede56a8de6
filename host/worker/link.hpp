// The host's side of one worker: its process, its socket, and the calls that run in it.
#pragma once

#include "host/abi/instance.hpp"
#include "host/abi/manifest.hpp"
#include "host/cage/descriptor.hpp"
#include "host/runtime/loop.hpp"
#include "host/runtime/metrics.hpp"
#include "host/worker/protocol.hpp"
#include "host/worker/start.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tomada::worker {

/// The `provider_code` of errors of calls that were in a worker when it ended.
inline constexpr std::string_view k_crashed = "worker_crashed";

/// tomada-worker is installed beside the host.
std::filesystem::path program_beside_this_one();

/// How a worker starts that is to run this plugin.
Start start_of(const abi::Manifest& manifest, std::uint64_t memory_bytes_max, std::uint64_t threads_max);

/// What the host does not wait longer for.
struct Patience {
  std::chrono::milliseconds ready{10'000};       // from its start until the plugin is loaded
  std::chrono::milliseconds grace{2'000};        // from the cancellation of a call until it has ended
  std::chrono::milliseconds busy_cpu{1'000};     // of CPU without a word: it yields to everybody else from then on
  std::chrono::milliseconds silence{10'000};     // from then on without a word: it is ended
};

struct Spec {
  std::filesystem::path program;
  Start start;
  std::string version{};  // of the plugin, for who asks after a crash
  std::shared_ptr<const cage::Descriptor> plugin;  // the sealed file; shared by all workers that run it
  Patience patience{};
};

/* One loop's thread. Started -> ready -> (retired: takes no new instances) -> ended. Whatever the worker does, each call
 * comes to its end: with the plugin's result, or with UNAVAILABLE and the cause when the process has ended. */
class Link {
 public:
  /// `crashed` runs once, on the loop, when the process ends without being asked to. UNAVAILABLE: it cannot be started.
  static Result<std::shared_ptr<Link>> start(runtime::Loop& loop, Spec spec, runtime::Metrics& metrics,
                                             std::function<void(const std::shared_ptr<const abi::Crash>&)> crashed);
  /// No call is running. Ends the process.
  ~Link();

  /// Waits until the plugin is loaded; its error is why it could not be.
  Result<void> ready(runtime::Task& task);
  /// A number for it, which is destroyed by destroy() whatever became of create(). ready() was OK.
  [[nodiscard]] std::uint64_t new_instance();
  Result<void> create(runtime::Task& task, std::uint64_t instance, std::string_view integration_id,
                      std::string_view config_json);
  void destroy(std::uint64_t instance);

  struct Outcome {
    Result<void> result;
    bool is_broken{false};  // the plugin threw: the instance gets no more calls
  };
  /// `arguments`: as in arguments.hpp.
  Outcome call(runtime::Task& task, abi::Services& services, std::uint64_t instance, Function function,
               std::string_view arguments);

  /// New instances may be made: it runs, and nothing speaks against it.
  [[nodiscard]] bool usable() const;
  /// Takes no new instances.
  void retire();
  [[nodiscard]] bool handles_webhooks() const;
  /// How it is sealed, in words. After ready().
  [[nodiscard]] const std::string& protections() const;
  /// Null while it lives.
  [[nodiscard]] std::shared_ptr<const abi::Crash> crash() const;
  [[nodiscard]] std::size_t calls_count() const;
  [[nodiscard]] int pid() const;

 private:
  struct Impl;
  explicit Link(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::worker
