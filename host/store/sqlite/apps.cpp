#include "host/store/sqlite/integration_rows.hpp"
#include "host/store/sqlite/parts.hpp"
#include "host/store/sqlite/webhook_rows.hpp"

#include <limits>

namespace tomada::store::sqlite {
namespace {

#define TOMADA_APP_COLUMNS                                                                   \
  "app_id, tenant_id, app_name, provider_name, sealed_credentials, is_shared, is_enabled, " \
  "allow_legacy, created_at_ms, updated_at_ms, version"

App read_app(const Statement& row) {
  return {.app_id = row.text(0),
          .tenant_id = row.text(1),
          .app_name = row.text(2),
          .provider_name = row.text(3),
          .sealed_credentials = row.text(4),
          .is_shared = row.integer(5) != 0,
          .is_enabled = row.integer(6) != 0,
          .allow_legacy = row.integer(7) != 0,
          .created_at_ms = row.integer(8),
          .updated_at_ms = row.integer(9),
          .version = row.integer(10)};
}

/// NOT_FOUND unless the tenant owns it.
Result<void> check_owner(Connection& connection, std::string_view tenant_id, std::string_view app_id) {
  if (connection.prepare("SELECT 1 FROM apps WHERE app_id = ?1 AND tenant_id = ?2").first(app_id, tenant_id)) return {};
  return fail(Errc::not_found, "there is no app " + std::string(app_id));
}

class SqliteApps final : public Apps {
 public:
  explicit SqliteApps(Database& database) : database_(database) {}

  Result<void> create(runtime::Task& task, const App& app) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (!connection.prepare("SELECT 1 FROM tenants WHERE tenant_id = ?1").first(app.tenant_id))
        return fail(Errc::not_found, "there is no such tenant");
      if (connection.run("INSERT INTO apps (" TOMADA_APP_COLUMNS ")"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
                         app.app_id, app.tenant_id, app.app_name, app.provider_name, Blob{app.sealed_credentials},
                         app.is_shared, app.is_enabled, app.allow_legacy, app.created_at_ms, app.updated_at_ms,
                         app.version) == 0)
        return fail(Errc::conflict, "there is an app " + app.app_id + " already");
      return {};
    });
  }

  Result<std::optional<App>> find(runtime::Task& task, std::string_view tenant_id, std::string_view app_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<App>> {
      auto query = connection.prepare("SELECT " TOMADA_APP_COLUMNS
                                      " FROM apps WHERE app_id = ?1 AND (tenant_id = ?2 OR is_shared = 1)");
      if (!query.first(app_id, tenant_id)) return std::nullopt;
      return read_app(query);
    });
  }

  Result<std::vector<App>> list(runtime::Task& task, std::string_view tenant_id, std::string_view after_id,
                                std::size_t limit) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<App>> {
      auto query = connection.prepare("SELECT " TOMADA_APP_COLUMNS
                                      " FROM apps WHERE app_id > ?2 AND (tenant_id = ?1 OR is_shared = 1)"
                                      " ORDER BY app_id LIMIT ?3");
      query.bind(tenant_id, after_id, limit);
      std::vector<App> apps;
      while (query.step()) apps.push_back(read_app(query));
      return apps;
    });
  }

  Result<void> update(runtime::Task& task, const App& app) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(check_owner(connection, app.tenant_id, app.app_id));
      if (connection.run("UPDATE apps SET app_name = ?1, sealed_credentials = ?2, is_shared = ?3, is_enabled = ?4,"
                         " allow_legacy = ?5, updated_at_ms = ?6, version = version + 1"
                         " WHERE app_id = ?7 AND version = ?8",
                         app.app_name, Blob{app.sealed_credentials}, app.is_shared, app.is_enabled, app.allow_legacy,
                         app.updated_at_ms, app.app_id, app.version) == 0)
        return fail(Errc::conflict, "the app was changed by somebody else meanwhile; read it again");
      return {};
    });
  }

  Result<void> remove(runtime::Task& task, std::string_view tenant_id, std::string_view app_id) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(check_owner(connection, tenant_id, app_id));
      if (connection.prepare("SELECT 1 FROM api_configurations WHERE app_id = ?1 AND app_id <> '' LIMIT 1").first(app_id))
        return fail(Errc::conflict, "integrations use this app; remove them first");
      (void)remove_webhooks(connection, k_no_config, app_id, std::numeric_limits<std::int64_t>::max());
      connection.run("DELETE FROM apps WHERE app_id = ?1", app_id);
      return {};
    });
  }

  Result<std::optional<App>> find_any(runtime::Task& task, std::string_view app_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<App>> {
      auto query = connection.prepare("SELECT " TOMADA_APP_COLUMNS " FROM apps WHERE app_id = ?1");
      if (!query.first(app_id)) return std::nullopt;
      return read_app(query);
    });
  }

  Result<std::vector<Integration>> integrations(runtime::Task& task, std::string_view app_id,
                                                std::string_view account_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<Integration>> {
      auto query = connection.prepare("SELECT " TOMADA_INTEGRATION_COLUMNS
                                      " FROM api_configurations WHERE app_id = ?1 AND app_id <> '' AND account_id = ?2"
                                      " ORDER BY config_id");
      return read_integrations(query.bind(app_id, account_id));
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Apps> make_apps(Database& database) { return std::make_unique<SqliteApps>(database); }

}  // namespace tomada::store::sqlite
