#include "host/limit/pool.hpp"

#include <algorithm>
#include <cmath>

namespace tomada::limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t k_told_max = 8;
constexpr Span k_block_first = seconds(1);
constexpr Span k_block_max = seconds(60);
constexpr Span k_wait_without_reserve = milliseconds(500);  // for the next turn: short enough for interactive calls
constexpr double k_reserve_share = 0.02;
constexpr double k_reserve_share_max = 0.1;
constexpr double k_urgent_memory_seconds = 60;
constexpr std::size_t k_judged_answers = 200;

bool is_paced(Lane lane) { return lane == Lane::incremental || lane == Lane::backfill; }
bool is_urgent(Lane lane) { return !is_paced(lane); }

Span span_of(double length_seconds) { return std::chrono::duration_cast<Span>(std::chrono::duration<double>(length_seconds)); }
double seconds_of(Span span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

Pool::Pool(const PoolLimits& declared, Time now) { declare(declared, now); }

void Pool::declare(const PoolLimits& declared, Time now) {
  std::vector<Declared> windows;
  for (const abi::WindowLimit& limit : declared.windows) {
    const auto same = std::find_if(windows_.begin(), windows_.end(), [&](const Declared& old) {
      return std::abs((old.window.length() - limit.length).count()) * 100 < limit.length.count();
    });
    if (same != windows_.end()) windows.push_back(std::move(*same));
    else windows.push_back({SlidingWindow(limit.amount, limit.length)});
  }
  windows_ = std::move(windows);
  buckets_.clear();
  for (const abi::BucketLimit& limit : declared.buckets) buckets_.emplace_back(limit.capacity, limit.restore_per_second);
  for (TokenBucket& bucket : buckets_) (void)bucket.tokens(now);
  declared_ = declared;
  set_share(share_);
}

void Pool::set_share(double share) {
  share_ = share;
  for (std::size_t i = 0; i < windows_.size(); ++i)
    windows_[i].window.set_amount(std::max(1.0, std::floor(declared_.windows[i].amount * share)));
}

/// Kept for calls that somebody waits for, out of limits whose next turn would be long in coming: 2 % of the amount, or what
/// such calls used lately, up to a tenth.
double Pool::reserve_of(Lane lane, double amount, Span length) const {
  if (is_urgent(lane) || length / std::max<std::int64_t>(1, static_cast<std::int64_t>(amount)) <= k_wait_without_reserve) return 0;
  return std::floor(std::clamp(urgent_rate_ * seconds_of(length), amount * k_reserve_share,
                               std::max(1.0, amount * k_reserve_share_max)));
}

void Pool::note_urgent(Time now, Lane lane, double cost) {
  if (!is_urgent(lane) && urgent_rate_ == 0) return;
  urgent_rate_ *= std::exp(-seconds_of(now - urgent_at_) / k_urgent_memory_seconds);
  if (urgent_rate_ < 1e-6) urgent_rate_ = 0;
  urgent_at_ = now;
  if (is_urgent(lane)) urgent_rate_ += cost / k_urgent_memory_seconds;
}

Time Pool::room_at(Time now, Lane lane, double cost) {
  if (declared_.concurrency_max > 0 && in_flight_count_ >= declared_.concurrency_max) return now + seconds(1);
  Time at = std::max(now, blocked_until_);
  const bool paced = is_paced(lane);
  for (Declared& declared : windows_) {
    SlidingWindow& window = declared.window;
    at = std::max(at, window.room_at(now, cost, reserve_of(lane, window.amount(), window.length())));
    if (paced && window.used(now) > window.amount() / 2) at = std::max(at, declared.next_paced);
  }
  for (TokenBucket& bucket : buckets_) at = std::max(at, bucket.room_at(now, cost, paced ? bucket.capacity() * k_reserve_share : 0));
  for (ToldLimit& told : told_) {
    const double reserve = told.is_bucket() ? (paced ? told.amount() * k_reserve_share : 0)
                                            : reserve_of(lane, told.amount(), told.horizon(now));
    at = std::max(at, told.room_at(now, cost, paced, reserve, in_flight_cost_));
  }
  return std::max(at, hidden_.room_at(now, cost, paced, reserve_of(lane, hidden_.amount(), hidden_.length())));
}

void Pool::sent(Time now, Lane lane, double cost) {
  for (Declared& declared : windows_) {
    declared.window.add(now, now + declared.window.lookahead(), cost);
    const double spacing = seconds_of(declared.window.length()) * cost / declared.window.amount();
    declared.next_paced = std::max(declared.next_paced + span_of(spacing), now);
  }
  for (TokenBucket& bucket : buckets_) bucket.take(now, cost);
  for (ToldLimit& told : told_) told.sent(now, now + told.lookahead(), cost);
  hidden_.sent(now, now + hidden_.lookahead(), cost);
  ++in_flight_count_;
  in_flight_cost_ += cost;
  note_urgent(now, lane, cost);
}

void Pool::give_back(Time now, const Sent& request) {
  --in_flight_count_;
  in_flight_cost_ -= request.cost;
  for (Declared& declared : windows_) declared.window.add(now, request.at + declared.window.lookahead(), -request.cost);
  for (TokenBucket& bucket : buckets_) bucket.take(now, -request.cost);
  hidden_.failed(request.at);
}

void Pool::done(Time now, const Sent& request, const Signals& signals, Span rtt_min) {
  --in_flight_count_;
  in_flight_cost_ -= request.cost;
  const bool expected = signals.throttled && is_expected(now);
  const Time seen = std::max(request.at, now - rtt_min);
  const auto moved = [&](Span lookahead) { return std::min(seen, request.at + lookahead); };
  for (Declared& declared : windows_)
    declared.window.move(now, request.at + declared.window.lookahead(), moved(declared.window.lookahead()), request.cost);
  for (ToldLimit& told : told_) told.moved(now, request.at + told.lookahead(), moved(told.lookahead()), request.cost);
  observe(now, request.at, signals);
  if (++answered_count_ > k_judged_answers) answered_count_ = unexpected_count_ = 0;
  if (signals.throttled) return refused(now, request, signals, expected);
  block_step_ = Span(0);
  if (signals.status == 0) return hidden_.failed(request.at);
  const Span ahead = hidden_.lookahead();
  hidden_.succeeded(now, request.at, request.at + ahead, moved(ahead), request.cost);
}

void Pool::observe(Time now, Time sent_at, const Signals& signals) {
  for (const Told& told : signals.told) {
    const auto known = std::find_if(told_.begin(), told_.end(), [&](const ToldLimit& limit) { return limit.name() == told.name; });
    if (known != told_.end()) known->observe(told, now, sent_at, in_flight_cost_);
    else if (told_.size() < k_told_max) told_.emplace_back(told, now, sent_at);
    correct_defaults(told);
  }
}

/// The provider knows its limit better than a manifest does.
void Pool::correct_defaults(const Told& told) {
  if (told.kind != Told::Kind::window || !told.length || !told.amount) return;
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    abi::WindowLimit& declared = declared_.windows[i];
    if (!declared.is_default || declared.length != *told.length || declared.amount == *told.amount) continue;
    declared.amount = *told.amount;
    set_share(share_);
  }
}

/// Something that is known says that the limit was used up.
bool Pool::is_expected(Time now) {
  return std::any_of(told_.begin(), told_.end(), [&](ToldLimit& told) { return told.is_exhausted(now, in_flight_cost_); });
}

void Pool::refused(Time now, const Sent& request, const Signals& signals, bool expected) {
  expected = expected || is_expected(now);
  if (signals.retry_after) block_until(now + *signals.retry_after);
  const bool is_known = !windows_.empty() || !buckets_.empty() || !told_.empty();
  ++unexpected_count_;
  // One in a hundred is chance: requests that overtook each other on the way. More is a limit that is not known.
  const bool is_stray = is_known && !hidden_.is_known() && !hidden_.is_paused() && unexpected_count_ <= 2 + answered_count_ / 100;
  if (!expected && !is_stray)
    return hidden_.refused(now, request.at, request.at + hidden_.lookahead(), request.cost, signals.retry_after);
  hidden_.failed(request.at);
  if (signals.retry_after || request.at < block_began_) return;  // what was on its way when the block began says nothing new
  block_began_ = now;
  block_step_ = block_step_.count() == 0 ? k_block_first / 4 : std::min(block_step_ * 2, k_block_max);
  block_until(now + block_step_);
}

void Pool::set_used(Time now, std::string_view window, double used) {
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    if (declared_.windows[i].name != window) continue;
    const double more = used - windows_[i].window.used(now);
    if (more > 0) windows_[i].window.add(now, now, more);
  }
}

void Pool::restore_use(Time now, Time at, double cost, Span above, Span upto) {
  const auto applies = [&](Span length) { return length > above && length <= upto; };
  for (Declared& declared : windows_)
    if (applies(declared.window.length())) declared.window.add(now, at, cost);
  if (applies(hidden_.length())) hidden_.restore_use(now, at, cost);
}

void Pool::restore_told(Time now, const Told& told) { observe(now, now, {.told = {told}}); }

void Pool::view(Time now, std::vector<LimitView>& views) {
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    SlidingWindow& window = windows_[i].window;
    const double used = window.used(now);
    views.push_back({declared_.name, declared_.windows[i].name, "declared", window.amount(), used,
                     std::max(0.0, window.amount() - used), declared_.windows[i].length, {}, window.empty_at(now)});
  }
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const double tokens = std::max(0.0, buckets_[i].tokens(now));
    views.push_back({declared_.name, declared_.buckets[i].name, "declared", buckets_[i].capacity(),
                     buckets_[i].capacity() - tokens, tokens, {}, buckets_[i].restore_per_second(), {}});
  }
  for (ToldLimit& told : told_) {
    const double left = told.remaining(now, in_flight_cost_);
    views.push_back({declared_.name, told.name(), "told", told.amount(), told.amount() - left, left, told.length(),
                     told.restore_per_second(), told.reset_at()});
  }
  if (!hidden_.is_known()) return;
  const double used = hidden_.used(now);
  views.push_back({declared_.name, "learned", "learned", hidden_.amount(), used, std::max(0.0, hidden_.amount() - used),
                   hidden_.length(), {}, {}});
}

}  // namespace tomada::limit
