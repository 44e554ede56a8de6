// What webhooks were stored before: 16 bytes of a hash for each, found at once and written in order.
#pragma once

#include "host/store/sqlite/connection.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

namespace tomada::store::sqlite {

/// What an event is known by: 16 bytes of a hash of its integration (or app) and its id.
using WebhookKey = std::array<char, 16>;

/// Keys that wait in webhook_keys_new, and in memory, before they are moved; while they are, as many again come.
inline constexpr std::size_t k_new_keys_max = 50'000;

/* A key in its place, the tree webhook_keys, is a page of its own in each commit, for its order is random. So new keys
 * are appended to webhook_keys_new and remembered here. When there are enough of them they are moved in their own
 * order, neighbours together, a few in each commit; until the last one is, they stand in both tables.
 * Writer thread. Memory is made anew from the table when a transaction that changed it does not hold. */
class WebhookKeys {
 public:
  explicit WebhookKeys(std::size_t new_max = k_new_keys_max) : new_max_(new_max) {}

  /// The event that has it.
  std::optional<std::int64_t> find(Connection& connection, const WebhookKey& key);
  /// Not there yet: find() said so.
  void add(Connection& connection, const WebhookKey& key, std::int64_t webhook_id);

  /// At the end of each transaction that added some: moves a few.
  void before_commit(Connection& connection);
  void ended(bool committed);
  /// Somebody removed rows of webhook_keys_new.
  void forget();

 private:
  struct Entry {
    WebhookKey key;
    std::int64_t webhook_id;
  };
  struct Hash {
    std::size_t operator()(const WebhookKey& key) const {
      std::size_t hash = 0;  // the key is one already
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };
  void load(Connection& connection);
  void start_moving(Connection& connection);
  void move(Connection& connection, std::size_t count);
  void remove_moved(Connection& connection, std::size_t count);

  const std::size_t new_max_;
  bool is_loaded_{false};
  bool is_changed_{false};      // in this transaction
  std::size_t added_count_{0};  // in this transaction
  std::unordered_map<WebhookKey, std::int64_t, Hash> new_;
  std::vector<Entry> moving_;  // sorted; empty: all of them are in their place
  std::size_t moved_count_{0};
  // The rows of webhook_keys_new that moving_ came from: [removed_to_, remove_to_) are still there.
  std::int64_t removed_to_{0};
  std::int64_t remove_to_{0};
};

}  // namespace tomada::store::sqlite
