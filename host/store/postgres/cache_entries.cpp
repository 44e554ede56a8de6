#include "host/store/cache_entries.hpp"

#include "host/store/input_rules.hpp"
#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/parts.hpp"

namespace tomada::store::postgres {
namespace {

constexpr auto k_bytes_max = static_cast<std::int64_t>(k_cache_bytes_max);
constexpr auto k_slack_bytes = static_cast<std::int64_t>(k_cache_slack_bytes);
constexpr std::int64_t k_evict_batch_max = 1'000;

/// Whoever changes entries of an integration holds its row of cache_sizes until the commit. False: it has no entry yet.
bool lock_size(Connection& connection, std::string_view tenant_id, std::string_view config_id) {
  return !connection
              .query("SELECT 1 FROM integrations.cache_sizes WHERE tenant_id = $1 AND config_id = $2 FOR UPDATE", tenant_id,
                     config_id)
              .empty();
}

void make_size(Connection& connection, std::string_view tenant_id, std::string_view config_id) {
  connection.run("INSERT INTO integrations.cache_sizes (config_id, tenant_id, bytes) VALUES ($1, $2, 0)"
                 " ON CONFLICT (config_id) DO NOTHING",
                 config_id, tenant_id);
  (void)lock_size(connection, tenant_id, config_id);
}

/// What the integration's entries count then.
std::int64_t put_entry(Connection& connection, std::string_view tenant_id, std::string_view config_id, std::string_view key,
                       const CacheEntry& entry) {
  const Rows rows = connection.query(
      "WITH old AS (SELECT bytes FROM integrations.cache_entries WHERE config_id = $1 AND key = $3),"
      " put AS (INSERT INTO integrations.cache_entries (config_id, tenant_id, key, expires_at_ms, bytes, value)"
      " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (config_id, key) DO UPDATE SET expires_at_ms = excluded.expires_at_ms,"
      " bytes = excluded.bytes, value = excluded.value)"
      " UPDATE integrations.cache_sizes s SET bytes = s.bytes + $5 - coalesce((SELECT bytes FROM old), 0)"
      " WHERE s.config_id = $1 RETURNING s.bytes",
      config_id, tenant_id, Blob{key}, entry.expires_at_ms, cache_bytes(key, entry.value), Blob{entry.value});
  return rows.empty() ? 0 : rows.front().integer(0);
}

/// Removes what expires first, except `key`, until no more than `bytes_max` are left.
void make_room(Connection& connection, std::string_view config_id, std::string_view key, std::int64_t bytes,
               std::int64_t bytes_max) {
  while (bytes > bytes_max) {
    const Rows rows = connection.query(
        "WITH first AS (SELECT f.key, sum(f.bytes) OVER (ORDER BY f.expires_at_ms, f.key) - f.bytes AS freed FROM"
        " (SELECT key, bytes, expires_at_ms FROM integrations.cache_entries WHERE config_id = $1 AND key <> $2"
        " ORDER BY expires_at_ms, key LIMIT $4) AS f),"
        " gone AS (DELETE FROM integrations.cache_entries e USING first WHERE e.config_id = $1 AND e.key = first.key"
        " AND first.freed < $3 RETURNING e.bytes)"
        " UPDATE integrations.cache_sizes s SET bytes = s.bytes - (SELECT sum(bytes) FROM gone)"
        " WHERE s.config_id = $1 AND EXISTS (SELECT 1 FROM gone) RETURNING s.bytes",
        config_id, Blob{key}, bytes - bytes_max, k_evict_batch_max);
    if (rows.empty()) return;
    bytes = rows.front().integer(0);
  }
}

/// The integrations that have expired entries, locked in one order for all.
Array lock_expired(Connection& connection, std::int64_t now_ms, std::size_t limit) {
  Array config_ids;
  for (const Row row : connection.query(
           "SELECT config_id FROM integrations.cache_sizes WHERE config_id IN (SELECT config_id FROM"
           " integrations.cache_entries WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2)"
           " ORDER BY config_id FOR UPDATE",
           now_ms, limit))
    config_ids.add(row.view(0));
  return config_ids;
}

class PostgresCacheEntries final : public CacheEntries {
 public:
  explicit PostgresCacheEntries(Database& database) : database_(database) {}

  Result<std::optional<CacheEntry>> get(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                        std::string_view key) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::optional<CacheEntry>> {
      const Rows rows = connection.query(
          "SELECT value, expires_at_ms FROM integrations.cache_entries WHERE tenant_id = $1 AND config_id = $2 AND key = $3",
          tenant_id, config_id, Blob{key});
      if (rows.empty()) return std::nullopt;
      return CacheEntry{.value = rows.front().bytes(0), .expires_at_ms = rows.front().integer(1)};
    });
  }

  Result<void> put(runtime::Task& task, std::string_view tenant_id, std::string_view config_id, std::string_view key,
                   const CacheEntry& entry) override {
    TOMADA_TRY(check_entry(key, entry.value));
    return write(task, tenant_id, config_id, [&](Connection& connection) {
      if (!lock_size(connection, tenant_id, config_id)) make_size(connection, tenant_id, config_id);
      const std::int64_t bytes = put_entry(connection, tenant_id, config_id, key, entry);
      if (bytes > k_bytes_max) make_room(connection, config_id, key, bytes, k_bytes_max - k_slack_bytes);
    });
  }

  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                      std::string_view key) override {
    return write(task, tenant_id, config_id, [&](Connection& connection) {
      if (!lock_size(connection, tenant_id, config_id)) return;
      connection.run(
          "WITH gone AS (DELETE FROM integrations.cache_entries WHERE tenant_id = $1 AND config_id = $2 AND key = $3"
          " RETURNING bytes)"
          " UPDATE integrations.cache_sizes s SET bytes = s.bytes - gone.bytes FROM gone WHERE s.config_id = $2",
          tenant_id, config_id, Blob{key});
    });
  }

  Result<std::size_t> remove_expired(runtime::Task& task, std::int64_t now_ms, std::size_t limit) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<std::size_t> {
      const Array config_ids = lock_expired(connection, now_ms, limit);
      const Rows rows = connection.query(
          "WITH gone AS (DELETE FROM integrations.cache_entries WHERE (config_id, key) IN (SELECT config_id, key FROM"
          " integrations.cache_entries WHERE expires_at_ms <= $1 AND config_id = ANY ($3::uuid[])"
          " ORDER BY expires_at_ms LIMIT $2) RETURNING config_id, bytes),"
          " summed AS (SELECT config_id, count(*) AS count, sum(bytes) AS bytes FROM gone GROUP BY config_id),"
          " settled AS (UPDATE integrations.cache_sizes s SET bytes = s.bytes - summed.bytes FROM summed"
          " WHERE s.config_id = summed.config_id)"
          " SELECT coalesce(sum(count), 0)::bigint FROM summed",
          now_ms, limit, config_ids);
      return static_cast<std::size_t>(rows.empty() ? 0 : rows.front().integer(0));
    });
  }

 private:
  /// Together, because they lock the same row; apart from the integration's records, which should not wait for a cache.
  template <class F>
  Result<void> write(runtime::Task& task, std::string_view tenant_id, std::string_view config_id, F change) {
    const std::string lane = "cache " + std::string(config_id);
    return database_.write_together(task, tenant_id, lane, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_integration(connection, tenant_id, config_id));
      change(connection);
      return {};
    });
  }

  Database& database_;
};

}  // namespace

std::unique_ptr<CacheEntries> make_cache_entries(Database& database) {
  return std::make_unique<PostgresCacheEntries>(database);
}

}  // namespace tomada::store::postgres
