// One step of retention, on any one host at a time.
#pragma once

#include "host/store/postgres/connection.hpp"
#include "host/store/webhooks.hpp"

#include <cstdint>
#include <string>

namespace tomada::store::postgres {

/// Where the next step goes on: not all that is old stands at the start of what is looked through.
struct WebhookTrimPlace {
  std::int64_t event_seen{0};
  std::string key_seen;  // empty: from the start
};

/// Removes what may go, at most `rows_max` of each kind, and moves `place` on. Returns how many rows went; 0 when another
/// host is at it. Inside a transaction of every tenant.
std::int64_t trim_webhooks(Connection& connection, const WebhookRetention& retention, WebhookTrimPlace& place);

}  // namespace tomada::store::postgres
