// One step of retention: what to remove is found beside the writer, and removed by it if it still applies.
#pragma once

#include "host/store/sqlite/connection.hpp"
#include "host/store/webhooks.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tomada::store::sqlite {

/// What one step removes.
struct WebhookTrim {
  struct Event {
    std::int64_t config_no{};
    std::int64_t webhook_id{};
  };
  std::vector<Event> events;
  std::vector<Event> payloads;  // the events stay
  struct NewKey {
    std::int64_t added_no{};
    std::string key;
  };
  std::vector<NewKey> new_keys;  // of webhook_keys_new; removed from webhook_keys as well
  std::vector<std::string> keys;
  std::string keys_seen;  // where the next step goes on in the order of keys; empty: from the start
};

/// Only reads. Keys are in the order of their hash, so their age says nothing about their place: each step looks at the
/// next some thousand of them, from `keys_seen` on.
WebhookTrim find_trim(Connection& connection, const WebhookRetention& retention, std::string keys_seen);
/// Returns how many rows went.
std::int64_t apply_trim(Connection& connection, const WebhookTrim& trim);

}  // namespace tomada::store::sqlite
