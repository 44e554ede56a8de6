// Storing webhooks: the statements between a request and its 200.
#pragma once

#include "host/store/sqlite/connection.hpp"
#include "host/store/sqlite/webhook_keys.hpp"
#include "host/store/sqlite/webhook_rows.hpp"
#include "host/store/webhooks.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tomada::store::sqlite {

WebhookKey webhook_key(const NewWebhook& event);

/* Stores events for all calls of one group: where events of an integration go and its job are looked up once, the bytes
 * of the payloads are added up once. Writer thread. */
class WebhookIntake final : public Shared {
 public:
  /// Finds everything before it writes anything, so that it fits Database::write_whole. One key for each event.
  Result<Acceptance> accept(Connection& connection, std::span<const NewWebhook> events, std::span<const WebhookKey> keys);

  /// Keys were removed from webhook_keys_new.
  void forget_keys() { keys_.forget(); }

  void before_commit(Connection& connection) override;
  void ended(bool committed) override;

 private:
  struct Known {
    std::string tenant_id, config_id, app_id;
    WebhookTarget target;
  };
  AcceptedWebhook accept_one(Connection& connection, const NewWebhook& event, const WebhookKey& key, std::int64_t config_no);
  Result<std::size_t> find_known(Connection& connection, const NewWebhook& event);

  WebhookKeys keys_;
  std::vector<Known> known_;
  std::int64_t changes_seen_{0};  // of the connection: another number says that another write came between
  std::int64_t payload_bytes_{0};
  std::vector<std::size_t> places_;  // of one call
};

Result<void> reject_webhook(Connection& connection, const NewWebhook& event, std::size_t keep_max);

}  // namespace tomada::store::sqlite
