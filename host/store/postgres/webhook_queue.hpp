// Working webhooks off: what the holder of an integration's job does with its events, and replay.
#pragma once

#include "host/store/postgres/connection.hpp"
#include "host/store/webhooks.hpp"

#include <span>
#include <vector>

namespace tomada::store::postgres {

Result<std::int64_t> reclaim_webhooks(Connection& connection, const Job& job, std::int64_t now_ms);
Result<std::vector<Webhook>> take_webhooks(Connection& connection, const Job& job, std::int64_t now_ms, bool ordered,
                                           std::size_t limit);
Result<PageOutcome> finish_webhook(Connection& connection, const WebhookOutcome& outcome);

/// The finished events that `replay` is about, oldest first, at most `limit`. Only reads.
Result<std::vector<std::int64_t>> find_replayable(Connection& connection, std::string_view tenant_id,
                                                  std::string_view config_id, const WebhookReplay& replay,
                                                  std::int64_t now_ms, std::int64_t limit);
/// Those of them that are finished still are pending then; returns how many.
Result<std::int64_t> replay_webhooks(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                                     std::span<const std::int64_t> webhook_ids, std::int64_t now_ms);

}  // namespace tomada::store::postgres
