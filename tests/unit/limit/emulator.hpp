// A provider and its callers on a virtual clock: every limit kind, answers that take their time, floods and single calls.
#pragma once

#include "host/limit/budget.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tomada::limit {

struct LimitRule {
  enum class Kind { fixed_window, sliding_log, token_bucket };
  Kind kind{Kind::fixed_window};
  double amount{100};
  double length_seconds{10};  // a bucket holds `amount` and fills in this time
  double phase_seconds{0};    // of a fixed window
};

/// What a provider does with requests; the judge, so it shares no code with the governor.
class EmulatedLimit : public LimitRule {
 public:
  EmulatedLimit(const LimitRule& rule) : LimitRule(rule) {}
  bool take(double now, double cost);  // seconds
  [[nodiscard]] double remaining(double now);
  [[nodiscard]] double reset_in(double now) const;

 private:
  void roll(double now);
  std::int64_t window_{-1};
  double used_{0};
  std::deque<std::pair<double, double>> log_;
  double tokens_{-1};
  double at_{0};
};

enum class Shows { nothing, retry_after, x_ratelimit, hubspot, shopify, salesforce, pipedrive };

struct Caller {
  Lane lane{Lane::backfill};
  std::uint32_t tenant{0};
  std::size_t pool{0};
  double cost{1};
  std::size_t flood_count{0};        // so many at once, each followed by the next
  double every_seconds{0};           // or one each so often, at random
};

struct Outcome {
  std::uint64_t ok_count{0}, refused_count{0};
  double wait_max_seconds{0};
};

class Emulator {
 public:
  Emulator(std::uint64_t seed, std::vector<EmulatedLimit> limits, Shows shows, Limits declared, std::vector<Caller> callers);

  /// Until so many answers have come in all.
  void run_answers(std::uint64_t count);
  void run_seconds(double seconds);
  void forget() { outcomes_.assign(callers_.size(), {}); counted_from_ = now_; }

  [[nodiscard]] double now() const { return now_; }
  [[nodiscard]] double counted_seconds() const { return now_ - counted_from_; }
  [[nodiscard]] Outcome total() const;
  [[nodiscard]] const Outcome& outcome(std::size_t caller) const { return outcomes_[caller]; }
  EmulatedLimit& limit(std::size_t i) { return limits_[i]; }
  Budget& budget() { return budget_; }
  std::size_t server_concurrency_max{0};
  [[nodiscard]] Time time() const { return Time(std::chrono::duration_cast<Span>(std::chrono::duration<double>(now_ + 3600))); }

 private:
  struct Event {
    double at;
    std::uint64_t number;
    std::function<void()> fn;
    bool operator>(const Event& other) const { return std::tie(at, number) > std::tie(other.at, other.number); }
  };
  void at(double when, std::function<void()> fn);
  bool step(double until);
  void call(std::size_t caller);
  void send(std::size_t caller, Permit permit, double asked_at);
  void arrive(std::size_t caller, Permit permit, double asked_at);
  void answered(std::size_t caller, const Permit& permit, const http::Head& head);
  void pump();
  http::Head answer(bool ok);
  double between(double least, double most) { return std::uniform_real_distribution(least, most)(random_); }

  std::mt19937_64 random_;
  std::vector<EmulatedLimit> limits_;
  Shows shows_;
  std::vector<Caller> callers_;
  std::vector<Outcome> outcomes_;
  double now_{0};
  double counted_from_{0};
  Budget budget_;
  std::vector<Event> events_;  // a heap
  std::uint64_t number_{0};
  std::uint64_t answers_{0};
  std::vector<std::optional<std::pair<std::size_t, double>>> waiting_;  // by ticket number
  double woken_at_{-1};
  std::size_t at_server_{0};
};

}  // namespace tomada::limit
