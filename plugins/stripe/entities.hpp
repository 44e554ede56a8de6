// What is synced: where each entity is listed, and the events that tell of its changes.
#pragma once

#include <span>
#include <string_view>

namespace stripe {

inline constexpr std::string_view k_event_entity = "event";

struct Entity {
  std::string_view name;  // also the value of `object` in its objects
  std::string_view path;
  std::string_view filter;                        // of the list: "status=all"
  std::span<const std::string_view> event_types;  // at most 20, Stripe's limit; empty: all
  // Some of its objects appear without an event, so an incremental run also lists the new ones.
  bool has_silent_news{false};
};

/// nullptr: none of ours.
const Entity* find_entity(std::string_view name);

}  // namespace stripe
