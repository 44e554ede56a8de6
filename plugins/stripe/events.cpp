#include "events.hpp"

namespace stripe {
namespace {

namespace sdk = tomada::sdk;
using nlohmann::json;

// Whoever holds it can complete the payment; Stripe asks not to store it.
constexpr const char* k_client_secret = "client_secret";

/// A subscription's end is a state (canceled), and Stripe keeps it.
bool is_removal(const Entity& entity, const Event& event) {
  if (is_true(event.object(), "deleted")) return true;
  return event.type.ends_with(".deleted") && entity.name != "subscription";
}

}  // namespace

bool upsert_object(const sdk::Records& records, std::string_view entity, const json& object,
                   tomada_unix_ms updated_at_ms) {
  sdk::Record record(text_of(object, "id"));
  for (const auto& [name, value] : object.items())
    if (name != k_client_secret) record.field(name, sdk::RawJson{value.dump()});
  return records.upsert(entity, record.updated_at(updated_at_ms));
}

bool upsert_event(const sdk::Records& records, const Event& event) {
  nlohmann::json whole = event.json;
  whole.at("data").at("object").erase(k_client_secret);
  sdk::Record record(event.event_id);
  for (const auto& [name, value] : whole.items()) {
    // How many webhooks are still under way: about deliveries, not about the event, and different each time.
    if (name != "pending_webhooks") record.field(name, sdk::RawJson{value.dump()});
  }
  return records.upsert(k_event_entity, record.updated_at(event.created_s * 1000));
}

const Entity* entity_of(const Event& event) {
  // It previews an invoice that does not exist; later API versions give the preview an id.
  if (event.object_id.empty() || event.type == "invoice.upcoming") return nullptr;
  const Entity* entity = find_entity(text_of(event.object(), "object"));
  return entity == nullptr || entity->name == k_event_entity ? nullptr : entity;
}

bool apply_event(const sdk::Records& records, const Entity& entity, const Event& event) {
  const tomada_unix_ms created_ms = event.created_s * 1000;
  if (is_removal(entity, event)) return records.remove(entity.name, event.object_id, created_ms);
  return upsert_object(records, entity.name, event.object(), created_ms);
}

}  // namespace stripe
