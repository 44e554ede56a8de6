// Storing the webhooks of many calls: the statements between their requests and their 200.
#pragma once

#include "host/store/postgres/connection.hpp"
#include "host/store/webhooks.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tomada::store::postgres {

/// One call of Webhooks::accept; borrows its events.
struct WebhookCall {
  explicit WebhookCall(std::span<const NewWebhook> all);

  std::span<const NewWebhook> events;
  std::vector<std::string> keys;  // of each event: what it is known by, as a UUID; empty: it has no id
  std::size_t bytes{};
};

/// An id that another host made too fails the transaction with CONFLICT; then the call is stored with the next free ones.
enum class WebhookIds { given, next_free };

/// Inside a transaction of every tenant. One answer for each call, but those of a transaction that failed mean nothing.
std::vector<Result<Acceptance>> store_webhooks(Connection& connection, std::span<const WebhookCall> calls, WebhookIds ids);

/// A refused request; see Webhooks::reject.
Result<void> reject_webhook(Connection& connection, const NewWebhook& event, std::size_t keep_max);

}  // namespace tomada::store::postgres
