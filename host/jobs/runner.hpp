// Works the durable queue off: leases, attempts, backoff. A handler for each kind of job.
#pragma once

#include "host/runtime/loop.hpp"
#include "host/runtime/task.hpp"
#include "host/store/jobs.hpp"

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace tomada::jobs {

/// 1 s, 2 s, 4 s … up to five minutes, each between half and whole of that (so that many do not come back together).
/// `retry_after` wins when it is longer.
std::chrono::milliseconds backoff(std::int64_t attempts, std::optional<std::chrono::milliseconds> retry_after,
                                  std::mt19937_64& random);

struct Options {
  std::size_t running_max{64};
  std::chrono::milliseconds lease{60'000};  // renewed at a third of it
  std::chrono::milliseconds idle_poll_max{30'000};
  std::int64_t attempts_max{8};
  std::uint64_t seed{0};  // 0: from the system
};

/// Runs on one loop; a handler may start calls on others.
class Runner {
 public:
  /// Does the job and says how it ended. The task is interrupted with CANCELLED when the lease is lost or the host
  /// stops; the handler then returns quickly with Kind::retry.
  using Handler = std::function<store::JobOutcome(runtime::Task& task, const store::Job& job)>;

  Runner(runtime::Loop& loop, store::Jobs& jobs, Options options);
  ~Runner();

  void handle(std::string kind, Handler handler);  // before start()
  void start();                                    // any thread
  /// There may be due work now. Any thread.
  void kick();
  /// Takes no more jobs. Those that run are cancelled by Loops::stop(). Any thread.
  void drain();
  [[nodiscard]] const Options& options() const;
  /// When a failed attempt of this job comes back, or nullopt when it has had its last. Loop thread.
  std::optional<std::int64_t> next_attempt_ms(const store::Job& job,
                                              std::optional<std::chrono::milliseconds> retry_after);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::jobs
