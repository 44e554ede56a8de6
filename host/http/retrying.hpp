// The layer that sends a request again where that is safe and may help.
#pragma once

#include "host/http/client.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tomada::http {

/// Retries as a share of recent traffic, so that they cannot multiply an outage: each request earns a fifth of a retry, and
/// ten are there to begin with. Thread-safe.
class RetryBudget {
 public:
  void earn();
  /// False: there is none left.
  bool spend();

 private:
  static constexpr double k_earned = 0.2;
  static constexpr double k_first = 10;
  static constexpr double k_max = 100;
  std::mutex mutex_;
  double retries_{k_first};
};

/// One for each host that requests go to. Thread-safe.
class RetryBudgets {
 public:
  std::shared_ptr<RetryBudget> of(std::string_view host);

 private:
  static constexpr std::size_t k_hosts_max = 10'000;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<RetryBudget>> budgets_;
};

struct RetryPolicy {
  std::size_t retries_max{3};
  std::chrono::milliseconds backoff{1'000};       // the most before the first retry; twice as much before each next
  std::chrono::milliseconds backoff_max{16'000};
};

/// What is sent again, at most `retries_max` times and never past the task's deadline:
/// - after 408, 425, 500, 502, 503, 504, a connection that failed or broke, or a timeout: methods that are idempotent (GET,
///   HEAD, PUT, DELETE, OPTIONS, TRACE), and any with an Idempotency-Key;
/// - after 429, and answers that the layer below found to be refusals: any method, because nothing was done;
/// - never a body that was written in pieces, an error that has a `retry_after` (a layer's own refusal), or what the
///   budget has no room for.
/// It waits a random part of the backoff, and at least what the answer asked for. `random` gives [0, 1).
/// `inner`, `budgets` are borrowed.
std::unique_ptr<Client> make_retrying_client(Client& inner, RetryPolicy policy, RetryBudgets& budgets,
                                             std::function<double()> random, std::function<void()> on_retry = {});

/// Sending it twice does what sending it once does.
bool is_repeatable(const Request& request);

/// [0, 1), of a generator of this thread.
double random_unit();

}  // namespace tomada::http
