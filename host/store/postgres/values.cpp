#include "host/store/values.hpp"

#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/parts.hpp"

#include <map>

namespace tomada::store::postgres {
namespace {

constexpr std::size_t k_values_unseen_max = 500;  // that other transactions may be adding at the same time

Result<void> check_sizes(const Value& value) {
  const auto& [key, bytes] = value;
  if (key.size() > k_value_key_bytes_max)
    return fail(Errc::invalid_data, "a key has at most " + std::to_string(k_value_key_bytes_max) + " bytes");
  if (bytes && bytes->size() > k_value_bytes_max)
    return fail(Errc::invalid_data, "a value has at most " + std::to_string(k_value_bytes_max) + " bytes");
  return {};
}

std::size_t count_values(Connection& connection, std::string_view config_id) {
  const Rows rows = connection.query(
      "SELECT count(*) FROM (SELECT FROM integrations.plugin_values WHERE config_id = $1 LIMIT $2) AS found", config_id,
      k_values_count_max + 1);
  return rows.empty() ? 0 : static_cast<std::size_t>(rows.front().integer(0));
}

/// Near the limit whoever adds one waits for all who did, and counts what they left.
Result<void> check_count(Connection& connection, std::string_view config_id) {
  std::size_t count = count_values(connection, config_id);
  if (count + k_values_unseen_max <= k_values_count_max) return {};
  connection.run("SELECT pg_advisory_xact_lock(hashtextextended('plugin_values ' || $1, 0))", config_id);
  count = count_values(connection, config_id);
  if (count <= k_values_count_max) return {};
  return fail(Errc::invalid_data, "an integration keeps at most " + std::to_string(k_values_count_max) + " values");
}

}  // namespace

Result<void> put_values(Connection& connection, std::string_view tenant_id, std::string_view config_id,
                        std::span<const Value> values) {
  // One statement may touch a row once; in order of keys, so that two writers lock in the same order.
  std::map<std::string_view, const std::optional<std::string>*> last;
  for (const Value& value : values) {
    TOMADA_TRY(check_sizes(value));
    last[value.first] = &value.second;
  }
  Array removed, keys, contents;
  bool has_removed = false;
  bool has_kept = false;
  for (const auto& [key, bytes] : last) {
    (*bytes ? keys : removed).add(Blob{key});
    if (*bytes) contents.add(Blob{**bytes});
    (*bytes ? has_kept : has_removed) = true;
  }
  if (has_removed)
    connection.run("DELETE FROM integrations.plugin_values WHERE config_id = $1 AND tenant_id = $2"
                   " AND key = ANY ($3::bytea[])",
                   config_id, tenant_id, removed);
  if (!has_kept) return {};
  // xmax is 0 in a row that was inserted and not replaced.
  const Rows rows = connection.query(
      "WITH put AS (INSERT INTO integrations.plugin_values (config_id, tenant_id, key, value)"
      " SELECT $1::uuid, $2::uuid, g.key, g.value FROM unnest($3::bytea[], $4::bytea[]) AS g (key, value)"
      " ON CONFLICT (config_id, key) DO UPDATE SET value = excluded.value RETURNING xmax = 0 AS is_new)"
      " SELECT bool_or(is_new) FROM put",
      config_id, tenant_id, keys, contents);
  if (!rows.empty() && rows.front().boolean(0)) TOMADA_TRY(check_count(connection, config_id));
  return {};
}

namespace {

class PostgresValues final : public Values {
 public:
  explicit PostgresValues(Database& database) : database_(database) {}

  Result<std::optional<std::string>> get(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                         std::string_view key) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::optional<std::string>> {
      const Rows rows = connection.query(
          "SELECT value FROM integrations.plugin_values WHERE tenant_id = $1 AND config_id = $2 AND key = $3", tenant_id,
          config_id, Blob{key});
      if (rows.empty()) return std::nullopt;
      return rows.front().bytes(0);
    });
  }

  Result<void> put(runtime::Task& task, std::string_view tenant_id, std::string_view config_id, std::string_view key,
                   std::string_view value) override {
    return write(task, tenant_id, config_id, {std::string(key), std::string(value)});
  }

  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                      std::string_view key) override {
    return write(task, tenant_id, config_id, {std::string(key), std::nullopt});
  }

 private:
  Result<void> write(runtime::Task& task, std::string_view tenant_id, std::string_view config_id, const Value& value) {
    return database_.write(task, tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_integration(connection, tenant_id, config_id));
      return put_values(connection, tenant_id, config_id, {&value, 1});
    });
  }

  Database& database_;
};

}  // namespace

std::unique_ptr<Values> make_values(Database& database) { return std::make_unique<PostgresValues>(database); }

}  // namespace tomada::store::postgres
