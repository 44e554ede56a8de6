// Storing webhooks: the statements between a request and its 200.
#pragma once

#include "host/store/sqlite/connection.hpp"
#include "host/store/sqlite/webhook_rows.hpp"
#include "host/store/webhooks.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tomada::store::sqlite {

/// What an event is known by: 16 bytes of a hash of its integration (or app) and its id.
using WebhookKey = std::array<char, 16>;
WebhookKey webhook_key(const NewWebhook& event);

/* Stores events for all calls of one group: where events of an integration go and its job are looked up once, the bytes
 * of the payloads are added up once. Writer thread. */
class WebhookIntake final : public Shared {
 public:
  /// Finds everything before it writes anything, so that it fits Database::write_whole. One key for each event.
  Result<Acceptance> accept(Connection& connection, std::span<const NewWebhook> events, std::span<const WebhookKey> keys);

  void before_commit(Connection& connection) override;
  void ended(bool committed) override;

 private:
  struct Known {
    std::string tenant_id, config_id, app_id;
    WebhookTarget target;
  };
  Result<std::size_t> find_known(Connection& connection, const NewWebhook& event);

  std::vector<Known> known_;
  std::int64_t changes_seen_{0};  // of the connection: another number says that another write came between
  std::int64_t payload_bytes_{0};
  std::vector<std::size_t> places_;  // of one call
};

Result<void> reject_webhook(Connection& connection, const NewWebhook& event, std::size_t keep_max);

}  // namespace tomada::store::sqlite
