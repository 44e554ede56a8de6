#include "host/store/sqlite/webhook_keys.hpp"

#include <algorithm>
#include <string_view>

namespace tomada::store::sqlite {
namespace {

// Moved, or removed afterwards, for each key that is added: both are done before as many new ones came.
constexpr std::size_t k_moved_for_each = 4;
constexpr std::size_t k_moved_min = 128;

Blob blob(const WebhookKey& key) { return {{key.data(), key.size()}}; }

}  // namespace

std::optional<std::int64_t> WebhookKeys::find(Connection& connection, const WebhookKey& key) {
  load(connection);
  if (const auto found = new_.find(key); found != new_.end()) return found->second;
  const auto place = std::lower_bound(moving_.begin(), moving_.end(), key,
                                      [](const Entry& entry, const WebhookKey& searched) { return entry.key < searched; });
  if (place != moving_.end() && place->key == key) return place->webhook_id;
  auto query = connection.prepare("SELECT webhook_id FROM webhook_keys WHERE key = ?1");
  if (!query.first(blob(key))) return std::nullopt;
  return query.integer(0);
}

void WebhookKeys::add(Connection& connection, const WebhookKey& key, std::int64_t webhook_id) {
  load(connection);
  is_changed_ = true;
  ++added_count_;
  new_.emplace(key, webhook_id);
  connection.run("INSERT INTO webhook_keys_new (key, webhook_id) VALUES (?1, ?2)", blob(key), webhook_id);
}

void WebhookKeys::before_commit(Connection& connection) {
  if (added_count_ == 0) return;
  const std::size_t count = std::max(k_moved_min, added_count_ * k_moved_for_each);
  if (!moving_.empty())
    move(connection, count);
  else if (removed_to_ < remove_to_)
    remove_moved(connection, count);
  else if (new_.size() >= new_max_)
    start_moving(connection);
}

void WebhookKeys::ended(bool committed) {
  if (is_changed_ && !committed) forget();
  is_changed_ = false;
  added_count_ = 0;
}

void WebhookKeys::forget() {
  is_loaded_ = false;
  new_.clear();
  moving_.clear();
  moved_count_ = 0;
  removed_to_ = remove_to_ = 0;
}

void WebhookKeys::load(Connection& connection) {
  if (is_loaded_ || connection.has_error()) return;
  is_loaded_ = is_changed_ = true;  // changed: what is read here may not hold either
  auto query = connection.prepare("SELECT key, webhook_id FROM webhook_keys_new");
  while (query.step()) {
    WebhookKey key{};
    const std::string_view bytes = query.view(0);
    std::copy_n(bytes.data(), std::min(bytes.size(), key.size()), key.data());
    new_.emplace(key, query.integer(1));
  }
}

void WebhookKeys::start_moving(Connection& connection) {
  auto query = connection.prepare("SELECT min(added_no), max(added_no) FROM webhook_keys_new");
  if (!query.step()) return;
  removed_to_ = query.integer(0);
  remove_to_ = query.integer(1) + 1;
  moving_.reserve(new_.size());
  for (const auto& [key, webhook_id] : new_) moving_.push_back({key, webhook_id});
  std::sort(moving_.begin(), moving_.end(), [](const Entry& left, const Entry& right) { return left.key < right.key; });
  moved_count_ = 0;
  new_.clear();
  is_changed_ = true;
}

void WebhookKeys::move(Connection& connection, std::size_t count) {
  const std::size_t end = std::min(moving_.size(), moved_count_ + count);
  for (; moved_count_ < end; ++moved_count_)
    connection.run("INSERT INTO webhook_keys (key, webhook_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                   blob(moving_[moved_count_].key), moving_[moved_count_].webhook_id);
  if (moved_count_ == moving_.size()) moving_.clear();
}

void WebhookKeys::remove_moved(Connection& connection, std::size_t count) {
  removed_to_ = std::min(remove_to_, removed_to_ + static_cast<std::int64_t>(count));
  connection.run("DELETE FROM webhook_keys_new WHERE added_no < ?1", removed_to_);
}

}  // namespace tomada::store::sqlite
