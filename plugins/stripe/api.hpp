// Stripe's API as one running call uses it.
#pragma once

#include "reply.hpp"

#include <tomada/call.hpp>

#include <optional>
#include <string>

namespace stripe {

inline constexpr int k_page_objects = 100;  // the most that Stripe gives

/// Where the API is and for whom; from the integration's configuration.
struct Endpoint {
  std::string base_url;  // without a slash at its end
  std::string account;   // empty: the key's own

  /// Throws Failure (INVALID_CONFIG) that names the field.
  static Endpoint from_config(std::string_view config_json);
};

class Api {
 public:
  /// Both outlive this. `clock_ms`: Stripe's time as an interrupted run knew it; 0: not known.
  Api(tomada::sdk::Call& call, const Endpoint& endpoint, tomada_unix_ms clock_ms = 0)
      : call_(call), endpoint_(endpoint), clock_ms_(clock_ms) {}

  /// A page of a list: `query` without the limit. nullopt: Stripe does not know the id that it starts from.
  /// Throws Failure.
  std::optional<ListPage> list(std::string_view path, const std::string& query, int limit = k_page_objects);
  /// GET /v1/balance, which needs no parameter and changes nothing. Throws Failure.
  void check_balance();

  /// Stripe's own clock before the request that comes next, cut to the second as the times of its events are: what that
  /// request reads is at least as new. The machine's clock only until Stripe has said its own, since a clock that is
  /// ahead would make the events of the next minutes look old.
  [[nodiscard]] tomada_unix_ms clock_ms() const;

 private:
  tomada::sdk::Response get(const std::string& target);

  tomada::sdk::Call& call_;
  const Endpoint& endpoint_;
  tomada_unix_ms clock_ms_;
};

}  // namespace stripe
