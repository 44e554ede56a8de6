// What an event does to the records: the same for one that was listed and one that a webhook brought.
#pragma once

#include "entities.hpp"
#include "reply.hpp"

#include <tomada/call.hpp>

namespace stripe {

/// Hands a whole object of Stripe's over as a record. False: the host refused it.
bool upsert_object(const tomada::sdk::Records& records, std::string_view entity, const nlohmann::json& object,
                   tomada_unix_ms updated_at_ms);

/// The event itself as a record of `event`. False: the host refused it.
bool upsert_event(const tomada::sdk::Records& records, const Event& event);

/// The entity of the object that the event is about; nullptr: none of ours, or the object does not exist (yet).
const Entity* entity_of(const Event& event);

/// The event's object, changed or removed as the event says. False: the host refused it.
bool apply_event(const tomada::sdk::Records& records, const Entity& entity, const Event& event);

}  // namespace stripe
