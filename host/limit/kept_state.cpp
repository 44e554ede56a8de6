#include "host/limit/kept_state.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>

namespace tomada::limit {
namespace {

using nlohmann::json;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

struct KeptWindow {
  const char* type;
  std::int64_t length_ms;
};
constexpr std::array<KeptWindow, 3> k_kept{{{"minute", 60'000}, {"hour", 3'600'000}, {"day", 86'400'000}}};

/// Minutes are kept for two hours and hours for two days: each window is filled from the finer rows that reach back far enough.
constexpr double k_amount_max = 1e12;
constexpr Span k_from_minutes = std::chrono::hours(2);
constexpr Span k_from_hours = std::chrono::hours(48);

std::int64_t to_unix_ms(const runtime::Clock& clock, Time at) {
  return clock.unix_ms() + duration_cast<milliseconds>(at - clock.steady()).count();
}

Time from_unix_ms(const runtime::Clock& clock, std::int64_t at_ms) { return clock.steady() + milliseconds(at_ms - clock.unix_ms()); }

std::optional<std::int64_t> ms_of(const std::optional<Span>& span) {
  if (!span) return std::nullopt;
  return duration_cast<milliseconds>(*span).count();
}

std::optional<double> number(const json& from, const char* field) {
  const auto found = from.find(field);
  if (found == from.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

Span span_of_ms(double ms) { return duration_cast<Span>(std::chrono::duration<double, std::milli>(std::clamp(ms, 0.0, 3e9))); }

json told_of(ToldLimit& told, const runtime::Clock& clock, double in_flight) {
  const Time now = clock.steady();
  json entry{{"name", told.name()}, {"amount", told.amount()}, {"remaining", told.remaining(now, in_flight)}};
  if (const auto length = told.length()) entry["length_ms"] = *ms_of(length);
  if (const auto reset_at = told.reset_at(); reset_at && *reset_at > now) entry["reset_at_ms"] = to_unix_ms(clock, *reset_at);
  if (told.is_bucket()) entry["restore_per_second"] = *told.restore_per_second();
  return entry;
}

void restore_told(Pool& pool, const runtime::Clock& clock, const json& entry, double age_ms) {
  const auto name = entry.find("name");
  if (name == entry.end() || !name->is_string()) return;
  Told told;
  told.name = name->get_ref<const std::string&>();
  told.amount = number(entry, "amount");
  told.remaining = number(entry, "remaining");
  if (!told.amount || *told.amount < 1 || *told.amount > k_amount_max || !told.remaining || *told.remaining < 0) return;
  if (const auto length = number(entry, "length_ms")) {
    told.length = span_of_ms(*length);
    if (age_ms > *length) told.remaining = told.amount;
  }
  if (const auto reset = number(entry, "reset_at_ms")) {
    const double in_ms = *reset - static_cast<double>(clock.unix_ms());
    if (in_ms > 0) told.reset_in = span_of_ms(in_ms);
    else told.remaining = told.amount;
  }
  if (const auto rate = number(entry, "restore_per_second")) {
    told.kind = Told::Kind::bucket;
    told.restore_per_second = rate;
    told.remaining = std::min(*told.amount, *told.remaining + *rate * age_ms / 1000);
  }
  pool.restore_told(clock.steady(), told);
}

void restore_hidden(Pool& pool, const runtime::Clock& clock, const json& entry) {
  const auto amount = number(entry, "amount");
  const auto length = number(entry, "length_ms");
  if (!amount || *amount <= 0 || *amount > k_amount_max || !length || *length < 1) return;
  pool.hidden().restore({*amount, span_of_ms(*length), entry.value("is_settled", false)}, clock.steady());
}

void restore_learned(Budget& budget, const runtime::Clock& clock, const std::string& text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("pools") || !document["pools"].is_array()) return;
  const double age_ms = static_cast<double>(clock.unix_ms()) - number(document, "at_ms").value_or(0);
  for (const json& kept : document["pools"]) {
    if (!kept.is_object() || !kept.contains("name")) continue;
    const auto pool = std::find_if(budget.pools().begin(), budget.pools().end(),
                                   [&](Pool& known) { return kept["name"] == known.declared().name; });
    if (pool == budget.pools().end()) continue;
    if (kept.contains("learned") && kept["learned"].is_object()) restore_hidden(*pool, clock, kept["learned"]);
    if (kept.contains("told") && kept["told"].is_array())
      for (const json& entry : kept["told"])
        if (entry.is_object()) restore_told(*pool, clock, entry, age_ms);
    if (const auto blocked = number(kept, "blocked_until_ms"))
      pool->block_until(from_unix_ms(clock, static_cast<std::int64_t>(*blocked)));
  }
}

}  // namespace

std::vector<store::RateUse> uses_of(Budget& budget, const runtime::Clock& clock, std::int64_t count, std::int64_t last_request_at_ms) {
  const std::vector<LimitView> limits = budget.view(clock.steady());
  const std::int64_t now_ms = clock.unix_ms();
  std::vector<store::RateUse> uses;
  for (const KeptWindow& kept : k_kept) {
    store::RateUse use;
    use.window_type = kept.type;
    use.window_start_ms = now_ms - now_ms % kept.length_ms;
    use.request_count = count;
    use.last_request_at_ms = last_request_at_ms;
    for (const LimitView& limit : limits) {
      if (limit.pool != budget.declared().pools.front().name || ms_of(limit.length) != kept.length_ms) continue;
      use.quota_limit = static_cast<std::int64_t>(limit.limit);
      use.quota_remaining = static_cast<std::int64_t>(limit.remaining);
      if (limit.reset_at) use.quota_reset_at_ms = to_unix_ms(clock, *limit.reset_at);
    }
    uses.push_back(std::move(use));
  }
  return uses;
}

std::string learned_of(Budget& budget, const runtime::Clock& clock) {
  json pools = json::array();
  for (Pool& pool : budget.pools()) {
    json kept{{"name", pool.declared().name}};
    if (const auto learned = pool.hidden().learned())
      kept["learned"] = {{"amount", learned->amount}, {"length_ms", *ms_of(learned->length)}, {"is_settled", learned->is_settled}};
    for (ToldLimit& told : pool.told()) kept["told"].push_back(told_of(told, clock, 0));
    if (pool.blocked_until() > clock.steady()) kept["blocked_until_ms"] = to_unix_ms(clock, pool.blocked_until());
    if (kept.size() > 1) pools.push_back(std::move(kept));
  }
  return pools.empty() ? std::string() : json{{"at_ms", clock.unix_ms()}, {"pools", std::move(pools)}}.dump();
}

void restore(Budget& budget, const runtime::Clock& clock, const store::RateState& state) {
  if (!state.learned_json.empty()) restore_learned(budget, clock, state.learned_json);
  for (const store::RateUse& use : state.uses) {
    const bool minute = use.window_type == "minute";
    if (!minute && use.window_type != "hour") continue;
    // As if all of it had gone out at the end: what counts too long does no harm.
    const std::int64_t end_ms = std::min(use.window_start_ms + (minute ? 60'000 : 3'600'000), std::max(use.last_request_at_ms, use.window_start_ms));
    const std::int64_t at_ms = std::min(end_ms, clock.unix_ms());
    budget.pools().front().restore_use(clock.steady(), from_unix_ms(clock, at_ms), static_cast<double>(use.request_count),
                                       minute ? Span(0) : k_from_minutes, minute ? k_from_minutes : k_from_hours);
  }
}

}  // namespace tomada::limit
