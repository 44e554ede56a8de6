#include "host/base/uuid.hpp"
#include "host/store/postgres/integration_rows.hpp"
#include "host/store/postgres/parts.hpp"
#include "host/store/postgres/webhook_rows.hpp"

#include <limits>

namespace tomada::store::postgres {
namespace {

#define TOMADA_APP_COLUMNS                                                                   \
  "app_id, tenant_id, app_name, provider_name, sealed_credentials, is_shared, is_enabled, " \
  "allow_legacy, integrations.ms(created_at), integrations.ms(updated_at), version"

App read_app(const Row& row) {
  return {.app_id = row.text(0),
          .tenant_id = row.text(1),
          .app_name = row.text(2),
          .provider_name = row.text(3),
          .sealed_credentials = row.bytes(4),
          .is_shared = row.boolean(5),
          .is_enabled = row.boolean(6),
          .allow_legacy = row.boolean(7),
          .created_at_ms = row.integer(8),
          .updated_at_ms = row.integer(9),
          .version = row.integer(10)};
}

/// NOT_FOUND unless the tenant owns it. Nobody names or changes it before the transaction ends.
Result<void> lock_own(Connection& connection, std::string_view tenant_id, std::string_view app_id) {
  if (!connection.query("SELECT 1 FROM integrations.apps WHERE app_id = $1 AND tenant_id = $2 FOR UPDATE", app_id, tenant_id)
           .empty())
    return {};
  return fail(Errc::not_found, "there is no app " + std::string(app_id));
}

class PostgresApps final : public Apps {
 public:
  explicit PostgresApps(Database& database) : database_(database) {}

  Result<void> create(runtime::Task& task, const App& app) override {
    return database_.write(task, app.tenant_id, [&](Connection& connection) -> Result<void> {
      if (connection.query("SELECT 1 FROM integrations.tenants WHERE tenant_id = $1 FOR KEY SHARE", app.tenant_id).empty())
        return fail(Errc::not_found, "there is no such tenant");
      if (connection.run("INSERT INTO integrations.apps (app_id, tenant_id, app_name, provider_name, sealed_credentials,"
                         " is_shared, is_enabled, allow_legacy, created_at, updated_at, version)"
                         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, integrations.at($9), integrations.at($10), $11)"
                         " ON CONFLICT DO NOTHING",
                         app.app_id, app.tenant_id, app.app_name, app.provider_name, Blob{app.sealed_credentials},
                         app.is_shared, app.is_enabled, app.allow_legacy, app.created_at_ms, app.updated_at_ms,
                         app.version) == 0)
        return fail(Errc::conflict, "there is an app " + app.app_id + " already");
      return {};
    });
  }

  Result<std::optional<App>> find(runtime::Task& task, std::string_view tenant_id, std::string_view app_id) override {
    if (!is_uuid(app_id)) return std::nullopt;
    return database_.read(task, tenant_id, [&](Connection& connection) {
      return one_of(connection.query("SELECT " TOMADA_APP_COLUMNS
                                     " FROM integrations.apps WHERE app_id = $1 AND (tenant_id = $2 OR is_shared)",
                                     app_id, tenant_id));
    });
  }

  Result<std::vector<App>> list(runtime::Task& task, std::string_view tenant_id, std::string_view after_id,
                                std::size_t limit) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<App>> {
      std::vector<App> apps;
      for (const Row row : connection.query("SELECT " TOMADA_APP_COLUMNS
                                            " FROM integrations.apps WHERE (tenant_id = $1 OR is_shared)"
                                            " AND app_id > coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid)"
                                            " ORDER BY app_id LIMIT $3",
                                            tenant_id, id_or_null(after_id), limit))
        apps.push_back(read_app(row));
      return apps;
    });
  }

  Result<void> update(runtime::Task& task, const App& app) override {
    return database_.write(task, app.tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(lock_own(connection, app.tenant_id, app.app_id));
      if (connection.run("UPDATE integrations.apps SET app_name = $1, sealed_credentials = $2, is_shared = $3,"
                         " is_enabled = $4, allow_legacy = $5, updated_at = integrations.at($6), version = version + 1"
                         " WHERE app_id = $7 AND tenant_id = $8 AND version = $9",
                         app.app_name, Blob{app.sealed_credentials}, app.is_shared, app.is_enabled, app.allow_legacy,
                         app.updated_at_ms, app.app_id, app.tenant_id, app.version) == 0)
        return fail(Errc::conflict, "the app was changed by somebody else meanwhile; read it again");
      return {};
    });
  }

  /// As the host: the integrations that name a shared app may be other tenants'.
  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view app_id) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(lock_own(connection, tenant_id, app_id));
      if (!connection.query("SELECT 1 FROM integrations.api_configurations WHERE app_id = $1 LIMIT 1", app_id).empty())
        return fail(Errc::conflict, "integrations use this app; remove them first");
      (void)remove_webhooks(connection, tenant_id, {}, app_id, std::numeric_limits<std::int64_t>::max());
      connection.run("DELETE FROM integrations.apps WHERE app_id = $1", app_id);
      return {};
    });
  }

  Result<std::optional<App>> find_any(runtime::Task& task, std::string_view app_id) override {
    if (!is_uuid(app_id)) return std::nullopt;
    return database_.read(task, k_every_tenant, [&](Connection& connection) {
      return one_of(connection.query("SELECT " TOMADA_APP_COLUMNS " FROM integrations.apps WHERE app_id = $1", app_id));
    });
  }

  Result<std::vector<Integration>> integrations(runtime::Task& task, std::string_view app_id,
                                                std::string_view account_id) override {
    if (!is_uuid(app_id)) return std::vector<Integration>{};
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<std::vector<Integration>> {
      return read_integrations(connection.query("SELECT " TOMADA_INTEGRATION_COLUMNS
                                                " FROM integrations.api_configurations"
                                                " WHERE app_id = $1 AND account_id = $2 ORDER BY config_id",
                                                app_id, account_id));
    });
  }

 private:
  static Result<std::optional<App>> one_of(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return read_app(rows.front());
  }

  Database& database_;
};

}  // namespace

std::unique_ptr<Apps> make_apps(Database& database) { return std::make_unique<PostgresApps>(database); }

}  // namespace tomada::store::postgres
