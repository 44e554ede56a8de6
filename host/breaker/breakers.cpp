#include "host/breaker/breakers.hpp"

#include "host/store/events.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace tomada::breaker {
namespace {

using std::chrono::milliseconds;

std::int64_t to_unix_ms(const runtime::Clock& clock, Time at) {
  return clock.unix_ms() + std::chrono::duration_cast<milliseconds>(at - clock.steady()).count();
}

Time from_unix_ms(const runtime::Clock& clock, std::int64_t at_ms) {
  return clock.steady() + milliseconds(at_ms - clock.unix_ms());
}

State state_of(std::string_view word) {
  if (word == "open") return State::open;
  return word == "half_open" ? State::half_open : State::closed;
}

store::Event event_of(const store::BreakerStatus& status) {
  store::Event event;
  event.tenant_id = status.tenant_id;
  event.config_id = status.config_id;
  event.type = "circuit_breaker." + status.current_state;
  event.created_at_ms = status.state_changed_at_ms;
  nlohmann::json data{{"host", status.host}, {"current_state", status.current_state}, {"consecutive_failures", status.consecutive_failures}};
  if (status.next_attempt_at_ms) data["next_attempt_at_ms"] = *status.next_attempt_at_ms;
  event.data_json = data.dump();
  return event;
}

}  // namespace

Result<Circuit::Pass> Circuit::admit(runtime::Task& task, const Policy& policy, std::string_view host) {
  const Time now = clock_.steady();
  Pass pass{std::string(host), {}};
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entry_of(pass.host);
    const State before = entry.breaker.state();
    const auto admitted = entry.breaker.admit(now, policy);
    changed = entry.breaker.state() != before;
    if (changed) ++entry.version;
    if (!admitted) {
      const auto wait = std::max(std::chrono::ceil<milliseconds>(entry.breaker.retry_at() - now), milliseconds(100));
      Error error{Errc::unavailable, "the circuit to " + pass.host + " is " + std::string(to_string(entry.breaker.state())) +
                                         " after " + std::to_string(entry.breaker.counts().failure_count) +
                                         " failures; the next request may be tried in " + std::to_string(wait.count()) + " ms"};
      error.retry_after = wait;
      return error;
    }
    pass.pass = *admitted;
  }
  if (changed) write(task, pass.host);
  return pass;
}

/// Locked. One too many: those that have nothing to tell go.
Circuit::Entry& Circuit::entry_of(const std::string& host) {
  if (entries_.size() >= store::k_breaker_hosts_max && !entries_.contains(host))
    std::erase_if(entries_, [](const auto& known) { return known.second.breaker.state() == State::closed && !known.second.is_writing; });
  return entries_[host];
}

void Circuit::done(runtime::Task& task, const Policy& policy, const Pass& pass, Outcome outcome) {
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[pass.host];
    if (!entry.breaker.done(clock_.steady(), policy, pass.pass, outcome)) return;
    ++entry.version;
  }
  write(task, pass.host);
}

void Circuit::abandon(const Pass& pass) {
  const std::lock_guard lock(mutex_);
  (void)entries_[pass.host].breaker.done(clock_.steady(), {}, pass.pass, Outcome::neutral);
}

/// One writer at a time for each host, until what is written is what is so.
void Circuit::write(runtime::Task& task, const std::string& host) {
  while (true) {
    store::BreakerStatus status;
    std::uint64_t version = 0;
    {
      const std::lock_guard lock(mutex_);
      Entry& entry = entries_[host];
      if (entry.is_writing) return;
      entry.is_writing = true;
      version = entry.version;
      status = status_of(host, entry.breaker);
    }
    spdlog::warn("tenant={} integration={} host={}: circuit breaker {}", tenant_id_, config_id_, host, status.current_state);
    const store::Event event = event_of(status);
    const auto saved = store_.save(task, status, &event);
    if (saved.has_error())
      spdlog::error("integration={} host={}: the state of its circuit breaker is not written down: {}", config_id_, host,
                    saved.error().message);
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[host];
    entry.is_writing = false;
    if (entry.version == version || saved.has_error()) return;
  }
}

store::BreakerStatus Circuit::status_of(const std::string& host, const Breaker& breaker) const {
  const Breaker::Counts& counts = breaker.counts();
  const auto at_ms = [&](const std::optional<Time>& at) {
    return at ? std::optional(to_unix_ms(clock_, *at)) : std::nullopt;
  };
  store::BreakerStatus status;
  status.tenant_id = tenant_id_;
  status.config_id = config_id_;
  status.host = host;
  status.current_state = to_string(breaker.state());
  status.failure_count = counts.failure_count;
  status.success_count = counts.success_count;
  status.consecutive_failures = counts.consecutive_failures;
  status.consecutive_successes = counts.consecutive_successes;
  status.last_failure_at_ms = at_ms(counts.last_failure_at);
  status.last_success_at_ms = at_ms(counts.last_success_at);
  status.state_changed_at_ms = counts.state_changed_at == Time{} ? clock_.unix_ms() : to_unix_ms(clock_, counts.state_changed_at);
  if (breaker.state() == State::open) status.next_attempt_at_ms = to_unix_ms(clock_, breaker.retry_at());
  return status;
}

std::vector<store::BreakerStatus> Circuit::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<store::BreakerStatus> all;
  for (const auto& [host, entry] : entries_) all.push_back(status_of(host, entry.breaker));
  return all;
}

void Circuit::restore(const std::vector<store::BreakerStatus>& kept) {
  const auto at = [&](const std::optional<std::int64_t>& ms) { return ms ? std::optional(from_unix_ms(clock_, *ms)) : std::nullopt; };
  for (const store::BreakerStatus& status : kept)
    entries_[status.host].breaker.restore(
        state_of(status.current_state), at(status.next_attempt_at_ms).value_or(clock_.steady()),
        {.failure_count = status.failure_count,
         .success_count = status.success_count,
         .consecutive_failures = status.consecutive_failures,
         .consecutive_successes = status.consecutive_successes,
         .last_failure_at = at(status.last_failure_at_ms),
         .last_success_at = at(status.last_success_at_ms),
         .state_changed_at = from_unix_ms(clock_, status.state_changed_at_ms)});
}

Result<std::shared_ptr<Circuit>> Breakers::of(runtime::Task& task, std::string_view tenant_id, std::string_view config_id) {
  const std::string key = std::string(tenant_id) + "/" + std::string(config_id);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = circuits_.find(key); found != circuits_.end()) return found->second;
  }
  TOMADA_TRY_ASSIGN(const auto kept, store_.list(task, tenant_id, config_id));
  auto circuit = std::make_shared<Circuit>(store_, clock_, std::string(tenant_id), std::string(config_id));
  circuit->restore(kept);
  const std::lock_guard lock(mutex_);
  if (circuits_.size() >= k_circuits_max)
    std::erase_if(circuits_, [](const auto& entry) { return entry.second.use_count() == 1; });
  return circuits_.emplace(key, std::move(circuit)).first->second;  // somebody else may have been faster
}

}  // namespace tomada::breaker
