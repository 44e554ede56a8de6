#include "host/store/sqlite/integration_rows.hpp"
#include "host/store/sqlite/lookups.hpp"
#include "host/store/sqlite/parts.hpp"
#include "host/store/sqlite/webhook_rows.hpp"

#include <limits>

namespace tomada::store::sqlite {
namespace {

constexpr std::int64_t k_removed_rows_max = 2'000;  // of one transaction

/// NOT_FOUND: the app that it names is neither the tenant's own nor shared.
Result<void> check_app(Connection& connection, const Integration& integration) {
  if (integration.app_id.empty()) return {};
  if (connection.prepare("SELECT 1 FROM apps WHERE app_id = ?1 AND (tenant_id = ?2 OR is_shared = 1)")
          .first(integration.app_id, integration.tenant_id))
    return {};
  return fail(Errc::not_found, "there is no app " + integration.app_id);
}

class SqliteIntegrations final : public Integrations {
 public:
  explicit SqliteIntegrations(Database& database) : database_(database) {}

  Result<void> create(runtime::Task& task, const Integration& integration) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (!connection.prepare("SELECT 1 FROM tenants WHERE tenant_id = ?1").first(integration.tenant_id))
        return fail(Errc::not_found, "there is no such tenant");
      TOMADA_TRY(check_app(connection, integration));
      const CallLimits& limits = integration.limits;
      if (connection.run("INSERT INTO api_configurations (" TOMADA_INTEGRATION_COLUMNS ")"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
                         " ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)"
                         " ON CONFLICT DO NOTHING",
                         integration.config_id, integration.tenant_id, integration.integration_name,
                         integration.provider_name, integration.config_json, Blob{integration.sealed_credentials},
                         integration.is_enabled, integration.health_status, integration.connection_status,
                         integration.last_sync_at_ms, integration.created_at_ms, integration.updated_at_ms,
                         integration.version, integration.app_id, integration.account_id, integration.allow_legacy,
                         limits.rate_limit_per_minute, limits.rate_limit_per_hour, limits.timeout_seconds,
                         limits.retry_attempts, limits.retry_backoff_ms, limits.circuit_breaker_threshold,
                         limits.circuit_breaker_timeout_ms, limits.circuit_breaker_enabled) == 0)
        return fail(Errc::conflict, "there is an integration " + integration.config_id + " already");
      return {};
    });
  }

  Result<std::optional<Integration>> find(runtime::Task& task, std::string_view tenant_id,
                                          std::string_view config_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<Integration>> {
      auto query = connection.prepare("SELECT " TOMADA_INTEGRATION_COLUMNS
                                      " FROM api_configurations WHERE tenant_id = ?1 AND config_id = ?2");
      if (!query.first(tenant_id, config_id)) return std::nullopt;
      return read_integration(query);
    });
  }

  Result<std::vector<Integration>> find_by_provider(runtime::Task& task, std::string_view tenant_id,
                                                    std::string_view provider_name) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<Integration>> {
      auto query = connection.prepare("SELECT " TOMADA_INTEGRATION_COLUMNS
                                      " FROM api_configurations WHERE tenant_id = ?1 AND provider_name = ?2"
                                      " ORDER BY config_id");
      return read_integrations(query.bind(tenant_id, provider_name));
    });
  }

  Result<std::vector<Integration>> list(runtime::Task& task, std::string_view tenant_id, std::string_view after_id,
                                        std::size_t limit) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<Integration>> {
      auto query = connection.prepare("SELECT " TOMADA_INTEGRATION_COLUMNS
                                      " FROM api_configurations WHERE tenant_id = ?1 AND config_id > ?2"
                                      " ORDER BY config_id LIMIT ?3");
      return read_integrations(query.bind(tenant_id, after_id, limit));
    });
  }

  Result<std::optional<Integration>> find_any(runtime::Task& task, std::string_view config_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<Integration>> {
      auto query = connection.prepare("SELECT " TOMADA_INTEGRATION_COLUMNS
                                      " FROM api_configurations WHERE config_id = ?1");
      if (!query.first(config_id)) return std::nullopt;
      return read_integration(query);
    });
  }

  Result<void> update(runtime::Task& task, const Integration& integration) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, integration.tenant_id, integration.config_id));
      if (!connection.prepare("SELECT 1 FROM api_configurations WHERE config_no = ?1 AND app_id = ?2")
               .first(config_no, integration.app_id))
        TOMADA_TRY(check_app(connection, integration));
      const CallLimits& limits = integration.limits;
      if (connection.run("UPDATE api_configurations SET integration_name = ?1, config_json = ?2,"
                         " sealed_credentials = ?3, is_enabled = ?4, connection_status = ?5, updated_at_ms = ?6,"
                         " app_id = ?9, account_id = ?10, allow_legacy = ?11, rate_limit_per_minute = ?12,"
                         " rate_limit_per_hour = ?13, timeout_seconds = ?14, retry_attempts = ?15, retry_backoff_ms = ?16,"
                         " circuit_breaker_threshold = ?17, circuit_breaker_timeout_ms = ?18, circuit_breaker_enabled = ?19,"
                         " version = version + 1"
                         " WHERE config_no = ?7 AND version = ?8",
                         integration.integration_name, integration.config_json, Blob{integration.sealed_credentials},
                         integration.is_enabled, integration.connection_status, integration.updated_at_ms, config_no,
                         integration.version, integration.app_id, integration.account_id, integration.allow_legacy,
                         limits.rate_limit_per_minute, limits.rate_limit_per_hour, limits.timeout_seconds,
                         limits.retry_attempts, limits.retry_backoff_ms, limits.circuit_breaker_threshold,
                         limits.circuit_breaker_timeout_ms, limits.circuit_breaker_enabled) == 0)
        return fail(Errc::conflict, "the integration was changed by somebody else meanwhile; read it again");
      if (integration.is_enabled) wake_webhook_job(connection, integration.config_id, integration.updated_at_ms);
      return {};
    });
  }

  Result<void> set_health(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                          std::string_view health_status, std::string_view connection_status) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
      connection.run("UPDATE api_configurations SET health_status = ?1, connection_status = ?2 WHERE config_no = ?3",
                     health_status, connection_status, config_no);
      return {};
    });
  }

  /// Webhooks go first, in steps: there may be millions, and the writer is one for all.
  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id) override {
    for (std::int64_t removed_count = k_removed_rows_max; removed_count == k_removed_rows_max;) {
      TOMADA_TRY_ASSIGN(removed_count, database_.write(task, [&](Connection& connection) -> Result<std::int64_t> {
        TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
        return remove_webhooks(connection, config_no, {}, k_removed_rows_max);
      }));
    }
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY_ASSIGN(const auto config_no, find_config_no(connection, tenant_id, config_id));
      (void)remove_webhooks(connection, config_no, {}, std::numeric_limits<std::int64_t>::max());
      connection.run("DELETE FROM jobs WHERE config_id = ?1", config_id);
      connection.run("DELETE FROM sync_operations WHERE config_id = ?1", config_id);
      connection.run("DELETE FROM plugin_values WHERE config_no = ?1", config_no);
      connection.run("DELETE FROM records WHERE entity_no IN (SELECT entity_no FROM sync_state WHERE config_no = ?1)",
                     config_no);
      connection.run("DELETE FROM record_keys WHERE entity_no IN (SELECT entity_no FROM sync_state WHERE config_no = ?1)",
                     config_no);
      connection.run("DELETE FROM sync_state WHERE config_no = ?1", config_no);
      connection.run("DELETE FROM api_configurations WHERE config_no = ?1", config_no);
      return {};
    });
  }

  Result<std::vector<std::pair<std::string, std::string>>> health_by_provider(runtime::Task& task) override {
    using Health = std::vector<std::pair<std::string, std::string>>;
    return database_.read(task, [&](Connection& connection) -> Result<Health> {
      Health health;
      // With max() SQLite takes the other columns from the row that has it.
      auto query = connection.prepare(
          "SELECT provider_name, health_status, max(CASE health_status WHEN 'healthy' THEN 0 WHEN 'unknown' THEN 1"
          " WHEN 'degraded' THEN 2 ELSE 3 END) FROM api_configurations WHERE is_enabled = 1"
          " GROUP BY provider_name ORDER BY provider_name");
      while (query.step()) health.emplace_back(query.text(0), query.text(1));
      return health;
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Integrations> make_integrations(Database& database) {
  return std::make_unique<SqliteIntegrations>(database);
}

}  // namespace tomada::store::sqlite
