#include "host/store/sqlite/webhook_intake.hpp"

#include "host/base/assert.hpp"
#include "host/store/sqlite/webhook_rows.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <optional>
#include <string>

namespace tomada::store::sqlite {
namespace {

constexpr std::size_t k_known_max = 32;  // more than that are looked up again

bool is_open(const NewWebhook& event) {
  return event.processing_status == "pending" || event.processing_status == "processing";
}

/// Returns the id that it got: the one it has, or the next free one should another process have made the same.
std::int64_t insert_event(Connection& connection, const NewWebhook& event, std::int64_t config_no) {
  std::int64_t webhook_id = event.webhook_id;
  {
    auto payload = connection.prepare(
        "INSERT INTO webhook_payloads (webhook_id, config_no, headers, body) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO NOTHING");
    while (payload.run(webhook_id, config_no, Blob{event.headers}, Blob{event.body}) == 0 && !connection.has_error())
      ++webhook_id;
  }
  const bool open = is_open(event);
  connection.run(
      "INSERT INTO webhook_events (config_no, webhook_id, event_id, event_type, subject, app_id, source_ip,"
      " signature_verified, processing_status, processing_attempts, next_processing_at_ms, processed_at_ms,"
      " processing_error, received_at_ms, body_bytes)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
      config_no, webhook_id, event.event_id, event.event_type, event.subject, event.app_id, event.source_ip,
      event.signature_verified, event.processing_status, event.processing_status == "processing" ? 1 : 0,
      open ? std::optional(event.next_processing_at_ms) : std::nullopt,
      open ? std::nullopt : std::optional(event.received_at_ms), event.processing_error, event.received_at_ms,
      event.body.size());
  return webhook_id;
}

std::int64_t payload_bytes(const NewWebhook& event) {
  return static_cast<std::int64_t>(event.headers.size() + event.body.size());
}

}  // namespace

WebhookKey webhook_key(const NewWebhook& event) {
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // looked up once: that costs more than the hash
  const std::string& owner = event.config_id.empty() ? event.app_id : event.config_id;
  std::string text;
  text.reserve(owner.size() + 1 + event.event_id.size());
  text.append(owner).append(1, '\0').append(event.event_id);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  const int done = EVP_Digest(text.data(), text.size(), digest.data(), nullptr, sha256, nullptr);
  TOMADA_ASSERT(done == 1);
  WebhookKey key{};
  std::transform(digest.begin(), digest.begin() + key.size(), key.begin(), [](unsigned char c) { return static_cast<char>(c); });
  return key;
}

AcceptedWebhook WebhookIntake::accept_one(Connection& connection, const NewWebhook& event, const WebhookKey& key,
                                          std::int64_t config_no) {
  const bool has_key = !event.event_id.empty();
  if (has_key)
    if (const auto known_id = keys_.find(connection, key)) return {.webhook_id = *known_id, .duplicate = true};
  const std::int64_t webhook_id = insert_event(connection, event, config_no);
  if (has_key) keys_.add(connection, key, webhook_id);
  return {.webhook_id = webhook_id};
}

Result<std::size_t> WebhookIntake::find_known(Connection& connection, const NewWebhook& event) {
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const Known& known = known_[i];
    if (known.config_id == event.config_id && known.tenant_id == event.tenant_id &&
        (!event.config_id.empty() || known.app_id == event.app_id))
      return i;
  }
  TOMADA_TRY_ASSIGN(auto target, find_webhook_target(connection, event.tenant_id, event.config_id, event.app_id));
  known_.push_back({event.tenant_id, event.config_id, event.app_id, target});
  return known_.size() - 1;
}

Result<Acceptance> WebhookIntake::accept(Connection& connection, std::span<const NewWebhook> events,
                                         std::span<const WebhookKey> keys) {
  TOMADA_ASSERT(events.size() == keys.size());
  connection.share(*this);
  // Another write may have changed an integration or its job.
  if (connection.changes_total() != changes_seen_ || known_.size() > k_known_max) known_.clear();
  places_.clear();
  for (const NewWebhook& event : events) {
    auto place = find_known(connection, event);
    if (place.has_error()) {
      known_.clear();
      return std::move(place).error();
    }
    places_.push_back(*place);
  }

  Acceptance acceptance;
  acceptance.events.reserve(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    const NewWebhook& event = events[i];
    WebhookTarget& target = known_[places_[i]].target;
    const AcceptedWebhook accepted = accept_one(connection, event, keys[i], target.config_no);
    acceptance.events.push_back(accepted);
    if (accepted.duplicate) continue;
    payload_bytes_ += payload_bytes(event);
    if (!is_open(event) || target.config_no == k_no_config) continue;
    target.tenant_id = event.tenant_id;
    target.config_id = event.config_id;
    if (!require_webhook_job(connection, target, event.next_processing_at_ms, event.received_at_ms)) continue;
    acceptance.wakes_job = true;
    if (auto changed = find_webhook_target(connection, event.tenant_id, event.config_id, event.app_id); changed.has_value())
      target = *changed;
  }
  changes_seen_ = connection.changes_total();
  return acceptance;
}

void WebhookIntake::before_commit(Connection& connection) {
  add_payload_bytes(connection, payload_bytes_);
  keys_.before_commit(connection);
}

void WebhookIntake::ended(bool committed) {
  keys_.ended(committed);
  payload_bytes_ = 0;
  known_.clear();
}

Result<void> reject_webhook(Connection& connection, const NewWebhook& event, std::size_t keep_max) {
  TOMADA_TRY_ASSIGN(const auto target, find_webhook_target(connection, event.tenant_id, event.config_id, event.app_id));
  NewWebhook refused = event;
  refused.processing_status = "failed";
  refused.signature_verified = false;
  (void)insert_event(connection, refused, target.config_no);
  std::int64_t bytes = payload_bytes(event);

  std::vector<std::int64_t> too_many;
  {
    auto query = connection.prepare(
        "SELECT webhook_id FROM webhook_events INDEXED BY webhook_events_failed WHERE config_no = ?1"
        " AND signature_verified = 0 AND processing_status = 'failed' ORDER BY webhook_id DESC LIMIT -1 OFFSET ?2");
    query.bind(target.config_no, keep_max);
    while (query.step()) too_many.push_back(query.integer(0));
  }
  for (const std::int64_t webhook_id : too_many) {
    bytes -= drop_payload(connection, webhook_id);
    connection.run("DELETE FROM webhook_events WHERE config_no = ?1 AND webhook_id = ?2", target.config_no, webhook_id);
  }
  add_payload_bytes(connection, bytes);
  return {};
}

}  // namespace tomada::store::sqlite
