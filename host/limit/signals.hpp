// What a provider says about its limits: in the headers of an answer, and in the few bodies that say it there.
#pragma once

#include "host/http/client.hpp"
#include "host/limit/sliding_window.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::limit {

/// One limit as an answer shows it. Of `reset_in`, `length` and `restore_per_second` at most what was said or follows.
struct Told {
  enum class Kind { window, bucket };
  Kind kind{Kind::window};
  std::string_view name;  // of the header family: "x-ratelimit", "hubspot.interval"; static storage
  std::optional<double> amount;
  std::optional<double> remaining;
  std::optional<Span> reset_in;
  Span reset_granularity{0};  // it was told in whole seconds: the truth may be up to this much later
  std::optional<Span> length;
  std::optional<double> restore_per_second;  // of a bucket
};

/// What one answer says. No answer at all: `status` 0.
struct Signals {
  int status{0};
  bool throttled{false};  // refused because of a limit
  std::optional<Span> retry_after;
  std::vector<Told> told;
};

/// Reads `Retry-After` (seconds, with decimals too, or an HTTP date) and the families in signals.cpp's table. A value that
/// cannot be read is taken for absent. `throttled` is set for 429, and for 503 with Retry-After.
Signals read_signals(const http::Head& head, runtime::WallTime now);

/// `throttleStatus` of a GraphQL answer in Shopify's form, from the last bytes of the body.
std::optional<Told> read_graphql_cost(std::string_view tail);

}  // namespace tomada::limit
