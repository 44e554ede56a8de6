// What is remembered between runs, and between the checkpoints of one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stripe {

/// A place in the stream of events, with everything up to it known.
struct Position {
  std::string event_id;      // empty: there was no event yet
  std::int64_t created_s{};  // the time of the run that was there
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_known() const { return !event_id.empty() || created_s != 0; }
  static Position from_text(std::string_view text);  // a text that is not ours: not known
};

enum class Phase { list, events, news };

struct State {
  Phase phase{Phase::list};
  std::string after;        // list, news: the last id of the page before
  Position since;           // events: where it began, then the last event that was worked off
  Position next;            // what complete() will say: pinned before the first page
  std::int64_t clock_ms{};  // Stripe's clock, see Api
  std::uint64_t seen_count{};
  int restarts_count{};  // of the list, when Stripe no longer knew `after`
  [[nodiscard]] std::string text() const;
  static State from_text(std::string_view text);  // throws Failure (INVALID_DATA)
};

}  // namespace stripe
