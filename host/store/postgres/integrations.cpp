#include "host/base/uuid.hpp"
#include "host/store/postgres/integration_rows.hpp"
#include "host/store/postgres/lookups.hpp"
#include "host/store/postgres/parts.hpp"
#include "host/store/postgres/webhook_rows.hpp"

#include <limits>

namespace tomada::store::postgres {
namespace {

constexpr std::int64_t k_remove_batch_max = 20'000;  // well within the statement timeout

/// NOT_FOUND: the app that it names is neither the tenant's own nor shared.
Result<void> check_app(Connection& connection, const Integration& integration) {
  if (integration.app_id.empty()) return {};
  if (is_uuid(integration.app_id) &&
      !connection
           .query("SELECT 1 FROM integrations.apps WHERE app_id = $1 AND (tenant_id = $2 OR is_shared)",
                  integration.app_id, integration.tenant_id)
           .empty())
    return {};
  return fail(Errc::not_found, "there is no app " + integration.app_id);
}

/// Records and their keys, onwards through the change order: what this transaction removed stays in the index until it
/// ends.
void remove_records(Connection& connection, std::string_view config_id) {
  std::int64_t removed_count = k_remove_batch_max;
  for (std::int64_t after = 0; removed_count == k_remove_batch_max;) {
    const Rows rows = connection.query(
        "WITH batch AS MATERIALIZED (SELECT sequence FROM integrations.records WHERE config_id = $1 AND sequence > $2"
        " ORDER BY sequence LIMIT $3),"
        " gone AS (DELETE FROM integrations.records WHERE config_id = $1 AND sequence > $2"
        " AND sequence <= (SELECT max(sequence) FROM batch) RETURNING entity_no, external_id),"
        " keys AS (DELETE FROM integrations.record_keys k USING gone"
        " WHERE k.entity_no = gone.entity_no AND k.external_id = gone.external_id)"
        " SELECT count(*), max(sequence) FROM batch",
        config_id, after, k_remove_batch_max);
    if (rows.empty()) return;
    removed_count = rows.front().integer(0);
    after = rows.front().integer(1);
  }
}

class PostgresIntegrations final : public Integrations {
 public:
  explicit PostgresIntegrations(Database& database) : database_(database) {}

  Result<void> create(runtime::Task& task, const Integration& integration) override {
    return database_.write(task, integration.tenant_id, [&](Connection& connection) -> Result<void> {
      if (connection.query("SELECT 1 FROM integrations.tenants WHERE tenant_id = $1 FOR KEY SHARE", integration.tenant_id)
              .empty())
        return fail(Errc::not_found, "there is no such tenant");
      TOMADA_TRY(check_app(connection, integration));
      const CallLimits& limits = integration.limits;
      // With its place for the last sequence, which every page locks.
      if (connection.run("WITH made AS (INSERT INTO integrations.api_configurations (config_id, tenant_id,"
                         " integration_name, provider_name, config_json, sealed_credentials, is_enabled, health_status,"
                         " connection_status, last_sync_at, created_at, updated_at, version, app_id, account_id,"
                         " allow_legacy, rate_limit_per_minute, rate_limit_per_hour, timeout_seconds, retry_attempts,"
                         " retry_backoff_ms, circuit_breaker_threshold, circuit_breaker_timeout_ms, circuit_breaker_enabled)"
                         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, integrations.at($10), integrations.at($11),"
                         " integrations.at($12), $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)"
                         " ON CONFLICT DO NOTHING RETURNING config_id, tenant_id)"
                         " INSERT INTO integrations.record_sequences (config_id, tenant_id, last)"
                         " SELECT config_id, tenant_id, 0 FROM made",
                         integration.config_id, integration.tenant_id, integration.integration_name,
                         integration.provider_name, integration.config_json, Blob{integration.sealed_credentials},
                         integration.is_enabled, integration.health_status, integration.connection_status,
                         integration.last_sync_at_ms, integration.created_at_ms, integration.updated_at_ms,
                         integration.version, id_or_null(integration.app_id), integration.account_id,
                         integration.allow_legacy, limits.rate_limit_per_minute,
                         limits.rate_limit_per_hour, limits.timeout_seconds, limits.retry_attempts,
                         limits.retry_backoff_ms, limits.circuit_breaker_threshold, limits.circuit_breaker_timeout_ms,
                         limits.circuit_breaker_enabled) == 0)
        return fail(Errc::conflict, "there is an integration " + integration.config_id + " already");
      return {};
    });
  }

  Result<std::optional<Integration>> find(runtime::Task& task, std::string_view tenant_id,
                                          std::string_view config_id) override {
    if (!is_uuid(config_id)) return std::nullopt;
    return database_.read(task, tenant_id, [&](Connection& connection) {
      return one_of(connection.query("SELECT " TOMADA_INTEGRATION_COLUMNS
                                     " FROM integrations.api_configurations WHERE tenant_id = $1 AND config_id = $2",
                                     tenant_id, config_id));
    });
  }

  Result<std::vector<Integration>> find_by_provider(runtime::Task& task, std::string_view tenant_id,
                                                    std::string_view provider_name) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<Integration>> {
      return read_integrations(connection.query("SELECT " TOMADA_INTEGRATION_COLUMNS
                                                " FROM integrations.api_configurations"
                                                " WHERE tenant_id = $1 AND provider_name = $2 ORDER BY config_id",
                                                tenant_id, provider_name));
    });
  }

  Result<std::vector<Integration>> list(runtime::Task& task, std::string_view tenant_id, std::string_view after_id,
                                        std::size_t limit) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<Integration>> {
      return read_integrations(connection.query(
          "SELECT " TOMADA_INTEGRATION_COLUMNS
          " FROM integrations.api_configurations"
          " WHERE tenant_id = $1 AND config_id > coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid)"
          " ORDER BY config_id LIMIT $3",
          tenant_id, id_or_null(after_id), limit));
    });
  }

  Result<std::optional<Integration>> find_any(runtime::Task& task, std::string_view config_id) override {
    if (!is_uuid(config_id)) return std::nullopt;
    return database_.read(task, k_every_tenant, [&](Connection& connection) {
      return one_of(connection.query(
          "SELECT " TOMADA_INTEGRATION_COLUMNS " FROM integrations.api_configurations WHERE config_id = $1", config_id));
    });
  }

  Result<void> update(runtime::Task& task, const Integration& integration) override {
    return database_.write(task, integration.tenant_id, [&](Connection& connection) -> Result<void> {
      const Rows rows = connection.query("SELECT coalesce(app_id::text, ''), version FROM integrations.api_configurations"
                                         " WHERE tenant_id = $1 AND config_id = $2 FOR NO KEY UPDATE",
                                         integration.tenant_id, integration.config_id);
      if (rows.empty()) return fail(Errc::not_found, "there is no integration " + integration.config_id);
      if (rows.front().view(0) != integration.app_id) TOMADA_TRY(check_app(connection, integration));
      if (rows.front().integer(1) != integration.version)
        return fail(Errc::conflict, "the integration was changed by somebody else meanwhile; read it again");
      const CallLimits& limits = integration.limits;
      // Other hosts look again also when no webhook waits: its syncs may run now.
      connection.run(
          "WITH changed AS (UPDATE integrations.api_configurations SET integration_name = $1, config_json = $2,"
          " sealed_credentials = $3, is_enabled = $4, connection_status = $5, updated_at = integrations.at($6),"
          " app_id = $9, account_id = $10, allow_legacy = $11, rate_limit_per_minute = $12, rate_limit_per_hour = $13,"
          " timeout_seconds = $14, retry_attempts = $15, retry_backoff_ms = $16, circuit_breaker_threshold = $17,"
          " circuit_breaker_timeout_ms = $18, circuit_breaker_enabled = $19, version = version + 1"
          " WHERE tenant_id = $7 AND config_id = $8 RETURNING is_enabled)"
          " SELECT pg_notify('tomada_jobs', '') FROM changed WHERE is_enabled",
          integration.integration_name, integration.config_json, Blob{integration.sealed_credentials},
          integration.is_enabled, integration.connection_status, integration.updated_at_ms, integration.tenant_id,
          integration.config_id, id_or_null(integration.app_id), integration.account_id, integration.allow_legacy,
          limits.rate_limit_per_minute, limits.rate_limit_per_hour, limits.timeout_seconds,
          limits.retry_attempts, limits.retry_backoff_ms, limits.circuit_breaker_threshold,
          limits.circuit_breaker_timeout_ms, limits.circuit_breaker_enabled);
      if (integration.is_enabled) wake_webhook_job(connection, integration.config_id, integration.updated_at_ms);
      return {};
    });
  }

  Result<void> set_health(runtime::Task& task, std::string_view tenant_id, std::string_view config_id,
                          std::string_view health_status, std::string_view connection_status) override {
    return database_.write(task, tenant_id, [&](Connection& connection) -> Result<void> {
      if (connection.run("UPDATE integrations.api_configurations SET health_status = $1, connection_status = $2"
                         " WHERE tenant_id = $3 AND config_id = $4",
                         health_status, connection_status, tenant_id, config_id) == 0)
        return fail(Errc::not_found, "there is no integration " + std::string(config_id));
      return {};
    });
  }

  /// Webhooks go first, in steps: there may be millions, and from the moment its row is gone until the end all who have
  /// work for this integration wait, also an intake that holds other webhooks.
  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view config_id) override {
    for (std::int64_t removed_count = k_remove_batch_max; removed_count == k_remove_batch_max;) {
      TOMADA_TRY_ASSIGN(removed_count, database_.write(task, tenant_id, [&](Connection& connection) -> Result<std::int64_t> {
        TOMADA_TRY(require_integration(connection, tenant_id, config_id));
        return remove_webhooks(connection, tenant_id, config_id, {}, k_remove_batch_max);
      }));
    }
    return database_.write(task, tenant_id, [&](Connection& connection) -> Result<void> {
      // Its jobs, syncs, values and states go with it.
      if (connection.run("DELETE FROM integrations.api_configurations WHERE config_id = $1 AND tenant_id = $2", config_id,
                         tenant_id) == 0)
        return fail(Errc::not_found, "there is no integration " + std::string(config_id));
      remove_records(connection, config_id);
      (void)remove_webhooks(connection, tenant_id, config_id, {}, std::numeric_limits<std::int64_t>::max());
      return {};
    });
  }

  Result<std::vector<std::pair<std::string, std::string>>> health_by_provider(runtime::Task& task) override {
    using Health = std::vector<std::pair<std::string, std::string>>;
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<Health> {
      Health health;
      for (const Row row : connection.query(
               "SELECT DISTINCT ON (provider_name COLLATE \"C\") provider_name, health_status"
               " FROM integrations.api_configurations WHERE is_enabled"
               " ORDER BY provider_name COLLATE \"C\", CASE health_status WHEN 'healthy' THEN 0 WHEN 'unknown' THEN 1"
               " WHEN 'degraded' THEN 2 ELSE 3 END DESC"))
        health.emplace_back(row.text(0), row.text(1));
      return health;
    });
  }

 private:
  static Result<std::optional<Integration>> one_of(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return read_integration(rows.front());
  }

  Database& database_;
};

}  // namespace

std::unique_ptr<Integrations> make_integrations(Database& database) {
  return std::make_unique<PostgresIntegrations>(database);
}

}  // namespace tomada::store::postgres
