#include "host/store/cache_entries.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {
namespace {

std::int64_t bytes_of(Connection& connection, std::int64_t config_no, std::string_view key) {
  auto query = connection.prepare("SELECT bytes FROM cache_entries WHERE config_no = ?1 AND key = ?2");
  return query.first(config_no, key) ? query.integer(0) : 0;
}

/// What the integration's entries count then.
std::int64_t add_bytes(Connection& connection, std::int64_t config_no, std::int64_t bytes) {
  auto query = connection.prepare(
      "INSERT INTO cache_sizes (config_no, bytes) VALUES (?1, ?2)"
      " ON CONFLICT (config_no) DO UPDATE SET bytes = bytes + excluded.bytes RETURNING bytes");
  return query.first(config_no, bytes) ? query.integer(0) : 0;
}

/// Removes what expires first, except `key`, until `excess_bytes` are free.
void make_room(Connection& connection, std::int64_t config_no, std::string_view key, std::int64_t excess_bytes) {
  std::vector<std::int64_t> going;
  std::int64_t freed_bytes = 0;
  {
    auto query = connection.prepare(
        "SELECT entry_no, bytes FROM cache_entries WHERE config_no = ?1 AND key <> ?2 ORDER BY expires_at_ms");
    query.bind(config_no, key);
    while (freed_bytes < excess_bytes && query.step()) {
      going.push_back(query.integer(0));
      freed_bytes += query.integer(1);
    }
  }
  for (const std::int64_t entry_no : going) connection.run("DELETE FROM cache_entries WHERE entry_no = ?1", entry_no);
  (void)add_bytes(connection, config_no, -freed_bytes);
}

// What has expired, as a statement's table, the oldest first; ?1: now, ?2: how many.
#define TOMADA_EXPIRED \
  "(SELECT entry_no, config_no, bytes FROM cache_entries WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms, entry_no LIMIT ?2)"

class SqliteCacheEntries final : public CacheEntries {
 public:
  explicit SqliteCacheEntries(Database& database) : database_(database) {}

  Result<std::optional<CacheEntry>> get(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                        std::string_view key) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<CacheEntry>> {
      auto query = connection.prepare(
          "SELECT e.value, e.expires_at_ms FROM api_configurations c JOIN cache_entries e ON e.config_no = c.config_no"
          " WHERE c.tenant_id = ?1 AND c.config_id = ?2 AND e.key = ?3");
      if (!query.first(tenant_id, config_id, key)) return std::nullopt;
      return CacheEntry{.value = query.text(0), .expires_at_ms = query.integer(1)};
    });
  }

  Result<void> put(runtime::Task& task, std::string_view tenant_id, std::string_view config_id, std::string_view key,
                   const CacheEntry& entry) override {
    TOMADA_TRY(check_entry(key, entry.value));
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
      const std::int64_t bytes = cache_bytes(key, entry.value);
      const std::int64_t bytes_before = bytes_of(connection, config_no, key);
      connection.run("INSERT INTO cache_entries (config_no, key, expires_at_ms, bytes, value) VALUES (?1, ?2, ?3, ?4, ?5)"
                     " ON CONFLICT (config_no, key) DO UPDATE SET expires_at_ms = excluded.expires_at_ms,"
                     " bytes = excluded.bytes, value = excluded.value",
                     config_no, key, entry.expires_at_ms, bytes, Blob{entry.value});
      const std::int64_t total = add_bytes(connection, config_no, bytes - bytes_before);
      if (total > k_bytes_max) make_room(connection, config_no, key, total - k_bytes_max + k_slack_bytes);
      return {};
    });
  }

  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                      std::string_view key) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
      const std::int64_t bytes = bytes_of(connection, config_no, key);
      if (bytes == 0) return {};
      connection.run("DELETE FROM cache_entries WHERE config_no = ?1 AND key = ?2", config_no, key);
      (void)add_bytes(connection, config_no, -bytes);
      return {};
    });
  }

  Result<std::size_t> remove_expired(runtime::Task& task, std::int64_t now_ms, std::size_t limit) override {
    return database_.write(task, [&](Connection& connection) -> Result<std::size_t> {
      connection.run("UPDATE cache_sizes SET bytes = cache_sizes.bytes - gone.bytes FROM"
                     " (SELECT config_no, sum(bytes) AS bytes FROM " TOMADA_EXPIRED " GROUP BY config_no) AS gone"
                     " WHERE gone.config_no = cache_sizes.config_no",
                     now_ms, limit);
      return static_cast<std::size_t>(connection.run(
          "DELETE FROM cache_entries WHERE entry_no IN (SELECT entry_no FROM " TOMADA_EXPIRED ")", now_ms, limit));
    });
  }

 private:
  static constexpr auto k_bytes_max = static_cast<std::int64_t>(k_cache_bytes_max);
  static constexpr auto k_slack_bytes = static_cast<std::int64_t>(k_cache_slack_bytes);

  Database& database_;
};

}  // namespace

std::unique_ptr<CacheEntries> make_cache_entries(Database& database) { return std::make_unique<SqliteCacheEntries>(database); }

}  // namespace tomada::store::sqlite
