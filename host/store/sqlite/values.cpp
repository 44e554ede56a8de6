#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {

Result<void> put_value(Connection& connection, std::int64_t config_no, std::string_view key, std::string_view value) {
  if (key.size() > k_value_key_bytes_max)
    return fail(Errc::invalid_data, "a key has at most " + std::to_string(k_value_key_bytes_max) + " bytes");
  if (value.size() > k_value_bytes_max)
    return fail(Errc::invalid_data, "a value has at most " + std::to_string(k_value_bytes_max) + " bytes");
  if (connection.run("UPDATE plugin_values SET value = ?1 WHERE config_no = ?2 AND key = ?3", Blob{value}, config_no,
                     key) > 0)
    return {};
  auto full = connection.prepare("SELECT 1 FROM plugin_values WHERE config_no = ?1 LIMIT 1 OFFSET ?2");
  if (full.first(config_no, k_values_count_max - 1))
    return fail(Errc::invalid_data, "an integration keeps at most " + std::to_string(k_values_count_max) + " values");
  connection.run("INSERT INTO plugin_values (config_no, key, value) VALUES (?1, ?2, ?3)", config_no, key, Blob{value});
  return {};
}

void remove_value(Connection& connection, std::int64_t config_no, std::string_view key) {
  connection.run("DELETE FROM plugin_values WHERE config_no = ?1 AND key = ?2", config_no, key);
}

namespace {

class SqliteValues final : public Values {
 public:
  explicit SqliteValues(Database& database) : database_(database) {}

  Result<std::optional<std::string>> get(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                                         std::string_view key) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<std::string>> {
      auto query = connection.prepare(
          "SELECT v.value FROM api_configurations c JOIN plugin_values v ON v.config_no = c.config_no"
          " WHERE c.tenant_id = ?1 AND c.config_id = ?2 AND v.key = ?3");
      if (!query.first(tenant_id, config_id, key)) return std::nullopt;
      return query.text(0);
    });
  }

  Result<void> put(runtime::Task& task, std::string_view tenant_id, std::string_view config_id, std::string_view key,
                   std::string_view value) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
      return put_value(connection, config_no, key, value);
    });
  }

  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                      std::string_view key) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
      remove_value(connection, config_no, key);
      return {};
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Values> make_values(Database& database) { return std::make_unique<SqliteValues>(database); }

}  // namespace tomada::store::sqlite
