#include "host/http/retrying.hpp"

#include "host/http/url.hpp"

#include <algorithm>
#include <array>
#include <random>

namespace tomada::http {
namespace {

using std::chrono::milliseconds;

bool may_help(int status) {
  static constexpr std::array k_statuses{408, 425, 429, 500, 502, 503, 504};
  return std::find(k_statuses.begin(), k_statuses.end(), status) != k_statuses.end();
}

/// What came of one attempt, as far as the next one is concerned.
struct Verdict {
  bool again{false};
  std::optional<milliseconds> asked_for;
};

class RetryingExchange final : public Exchange {
 public:
  RetryingExchange(Client& inner, const RetryPolicy& policy, const std::function<double()>& random,
                   const std::function<void()>& on_retry, std::shared_ptr<RetryBudget> budget, Request request,
                   std::unique_ptr<Exchange> current)
      : inner_(inner), policy_(policy), random_(random), on_retry_(on_retry), budget_(std::move(budget)),
        is_repeatable_(is_repeatable(request)), request_(std::move(request)), current_(std::move(current)) {}

  Result<void> write(runtime::Task& task, std::string_view bytes) override { return current_->write(task, bytes); }

  Result<Head> finish(runtime::Task& task) override {
    Result<Head> head = current_->finish(task);
    for (std::size_t retry = 0; retry < policy_.retries_max; ++retry) {
      const Verdict verdict = judge(head);
      if (!verdict.again || task.check().has_error()) break;
      const milliseconds wait = wait_before(retry, verdict);
      if (wait >= task.deadline().remaining(task.clock()) || !budget_->spend()) break;
      if (on_retry_) on_retry_();
      current_.reset();
      TOMADA_TRY(runtime::sleep_for(task, wait));
      auto next = inner_.open(task, request_);
      if (next.has_error()) {
        head = std::move(next).error();
        continue;
      }
      current_ = *std::move(next);
      head = current_->finish(task);
    }
    return head;
  }

  Result<std::size_t> read(runtime::Task& task, std::span<char> buffer) override {
    if (!current_) return fail(Errc::unavailable, "there was no answer");
    return current_->read(task, buffer);
  }

 private:
  [[nodiscard]] Verdict judge(const Result<Head>& head) const {
    if (head.has_error()) {
      const Error& error = head.error();
      const bool broke = error.code == Errc::unavailable || error.code == Errc::deadline;
      return {broke && !error.retry_after && is_repeatable_, {}};
    }
    const bool refused = head->throttled || head->status == 429;
    return {refused || (may_help(head->status) && is_repeatable_), head->retry_after};
  }

  [[nodiscard]] milliseconds wait_before(std::size_t retry, const Verdict& verdict) const {
    const std::int64_t most = std::min<std::int64_t>(policy_.backoff.count() << std::min<std::size_t>(retry, 20), policy_.backoff_max.count());
    const milliseconds jitter(static_cast<std::int64_t>(random_() * static_cast<double>(most)));
    return std::max(jitter, verdict.asked_for.value_or(milliseconds(0)));
  }

  Client& inner_;
  const RetryPolicy policy_;
  const std::function<double()>& random_;
  const std::function<void()>& on_retry_;
  std::shared_ptr<RetryBudget> budget_;
  bool is_repeatable_;
  Request request_;
  std::unique_ptr<Exchange> current_;  // empty when the last attempt could not be opened
};

class RetryingClient final : public Client {
 public:
  RetryingClient(Client& inner, RetryPolicy policy, RetryBudgets& budgets, std::function<double()> random,
                 std::function<void()> on_retry)
      : inner_(inner), policy_(policy), budgets_(budgets), random_(std::move(random)), on_retry_(std::move(on_retry)) {}

  Result<std::unique_ptr<Exchange>> open(runtime::Task& task, Request request) override {
    if (request.streamed_length || policy_.retries_max == 0) return inner_.open(task, std::move(request));
    auto budget = budget_of(request.url);
    budget->earn();
    TOMADA_TRY_ASSIGN(auto first, inner_.open(task, request));
    return std::unique_ptr<Exchange>(std::make_unique<RetryingExchange>(inner_, policy_, random_, on_retry_, std::move(budget),
                                                                        std::move(request), std::move(first)));
  }

 private:
  /// A call sends most of its requests to one host.
  std::shared_ptr<RetryBudget> budget_of(std::string_view url) {
    const std::size_t begin = url.find("://") + 3;
    const std::string_view host = url.substr(std::min(begin, url.size()), url.find_first_of("/?#", begin) - begin);
    if (!last_ || last_host_ != host) {
      last_host_ = host;
      last_ = budgets_.of(host);
    }
    return last_;
  }

  Client& inner_;
  RetryPolicy policy_;
  RetryBudgets& budgets_;
  std::function<double()> random_;
  std::function<void()> on_retry_;
  std::string last_host_;
  std::shared_ptr<RetryBudget> last_;
};

}  // namespace

void RetryBudget::earn() {
  const std::lock_guard lock(mutex_);
  retries_ = std::min(k_max, retries_ + k_earned);
}

bool RetryBudget::spend() {
  const std::lock_guard lock(mutex_);
  if (retries_ < 1) return false;
  retries_ -= 1;
  return true;
}

std::shared_ptr<RetryBudget> RetryBudgets::of(std::string_view host) {
  const std::lock_guard lock(mutex_);
  if (budgets_.size() >= k_hosts_max && !budgets_.contains(std::string(host)))
    std::erase_if(budgets_, [](const auto& entry) { return entry.second.use_count() == 1; });
  auto& budget = budgets_[std::string(host)];
  if (!budget) budget = std::make_shared<RetryBudget>();
  return budget;
}

bool is_repeatable(const Request& request) {
  static constexpr std::array<std::string_view, 6> k_methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  if (std::find(k_methods.begin(), k_methods.end(), request.method) != k_methods.end()) return true;
  return find_header(request.headers, "Idempotency-Key") != nullptr || find_header(request.headers, "X-Idempotency-Key") != nullptr;
}

double random_unit() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution(0.0, 1.0)(generator);
}

std::unique_ptr<Client> make_retrying_client(Client& inner, RetryPolicy policy, RetryBudgets& budgets,
                                             std::function<double()> random, std::function<void()> on_retry) {
  return std::make_unique<RetryingClient>(inner, policy, budgets, std::move(random), std::move(on_retry));
}

}  // namespace tomada::http
