// Who is to blame when a worker ends: the job that it ran, or the plugin.
#pragma once

#include "host/abi/instance.hpp"
#include "host/runtime/clock.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace tomada::plugin {

inline constexpr std::size_t k_crashes_alone_max = 2;     // of one job: then it is given up
inline constexpr std::size_t k_crashes_max = 3;           // that no single integration explains, within
inline constexpr std::chrono::minutes k_crash_window{10};  // : then the plugin is put into quarantine

/* A job that was in a worker when it crashed is a suspect: it is tried again alone, in a worker of its own. Alone, a second
 * crash is its own doing, and explains the crash before. Crashes that the jobs of one integration do not explain speak against
 * the plugin. In memory: a host that starts again suspects nobody. Thread-safe. */
class Blame {
 public:
  explicit Blame(const runtime::Clock& clock) : clock_(clock) {}

  struct Verdict {
    bool gives_up_job{false};                     // it crashed its worker twice while nothing else ran there
    std::shared_ptr<const abi::Crash> quarantines{};  // the plugin, because of this last crash; null: it may go on
  };

  /// The job is to run alone.
  [[nodiscard]] bool suspects(std::string_view job) const;

  /// One call of those that ran in the worker that crashed. `job` empty: a call that no job asked for.
  Verdict crashed(const std::string& plugin_id, const std::shared_ptr<const abi::Crash>& crash, const std::string& job,
                  const std::string& integration);
  /// Nothing ran in it.
  Verdict crashed_idle(const std::string& plugin_id, const std::shared_ptr<const abi::Crash>& crash);
  /// A suspect ran without a crash.
  Verdict acquit(const std::string& plugin_id, const std::string& job);
  /// The plugin was released from quarantine, or is another now.
  void forget(const std::string& plugin_id);

 private:
  struct Incident {
    runtime::SteadyTime at;
    std::shared_ptr<const abi::Crash> crash;  // with the instances that ended by it
    std::set<std::string> suspects{};           // jobs that may explain it
    std::optional<std::string> integration{};   // whose job explains it
    bool counts{false};                         // explained, or nobody is left who could
  };
  struct Suspect {
    std::string plugin_id;
    std::size_t crashes_alone{0};
  };

  Incident& incident(const std::string& plugin_id, const std::shared_ptr<const abi::Crash>& crash);
  std::shared_ptr<const abi::Crash> too_much(const std::string& plugin_id);

  const runtime::Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Suspect, std::less<>> suspects_;  // by job
  std::map<std::string, std::deque<Incident>> incidents_;  // by plugin
};

}  // namespace tomada::plugin
