// Storing webhooks: the statements between a request and its 200.
#pragma once

#include "host/store/sqlite/connection.hpp"
#include "host/store/webhooks.hpp"

#include <array>
#include <span>
#include <vector>

namespace tomada::store::sqlite {

/// What an event is known by: 16 bytes of a hash of its integration (or app) and its id.
using WebhookKey = std::array<char, 16>;
WebhookKey webhook_key(const NewWebhook& event);

/// Finds everything before it writes anything, so that it fits Database::write_whole. One key for each event.
Result<Acceptance> accept_webhooks(Connection& connection, std::span<const NewWebhook> events,
                                   std::span<const WebhookKey> keys);
Result<void> reject_webhook(Connection& connection, const NewWebhook& event, std::size_t keep_max);

}  // namespace tomada::store::sqlite
