#include "host/store/postgres/parts.hpp"

namespace tomada::store::postgres {
namespace {

#define TOMADA_TENANT_COLUMNS "tenant_id, name, integrations.ms(created_at)"

Tenant read_tenant(const Row& row) {
  return {.tenant_id = row.text(0), .name = row.text(1), .created_at_ms = row.integer(2)};
}

/// Its row stays until the transaction ends.
Result<void> require_tenant(Connection& connection, std::string_view tenant_id) {
  if (!connection.query("SELECT 1 FROM integrations.tenants WHERE tenant_id = $1 FOR KEY SHARE", tenant_id).empty()) return {};
  return fail(Errc::not_found, "there is no such tenant");
}

class PostgresTenants final : public Tenants {
 public:
  explicit PostgresTenants(Database& database) : database_(database) {}

  Result<void> create(runtime::Task& task, const Tenant& tenant) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      if (connection.run("INSERT INTO integrations.tenants (tenant_id, name, created_at)"
                         " VALUES ($1, $2, integrations.at($3)) ON CONFLICT DO NOTHING",
                         tenant.tenant_id, tenant.name, tenant.created_at_ms) == 0)
        return fail(Errc::conflict, "there is a tenant named " + tenant.name + " already");
      return {};
    });
  }

  Result<std::optional<Tenant>> find_by_name(runtime::Task& task, std::string_view name) override {
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<std::optional<Tenant>> {
      const Rows rows = connection.query("SELECT " TOMADA_TENANT_COLUMNS " FROM integrations.tenants WHERE name = $1", name);
      if (rows.empty()) return std::nullopt;
      return read_tenant(rows.front());
    });
  }

  Result<std::vector<Tenant>> list(runtime::Task& task) override {
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<std::vector<Tenant>> {
      std::vector<Tenant> tenants;
      // By bytes, whatever the database sorts text by.
      for (const Row row : connection.query("SELECT " TOMADA_TENANT_COLUMNS
                                            " FROM integrations.tenants ORDER BY name COLLATE \"C\""))
        tenants.push_back(read_tenant(row));
      return tenants;
    });
  }

  Result<void> add_key(runtime::Task& task, const ApiKey& key) override {
    return database_.write(task, key.tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_tenant(connection, key.tenant_id));
      if (connection.run("INSERT INTO integrations.api_keys (key_id, tenant_id, role, key_sha256, created_at)"
                         " VALUES ($1, $2, $3, $4, integrations.at($5)) ON CONFLICT DO NOTHING",
                         key.key_id, key.tenant_id, key.role, key.key_sha256, key.created_at_ms) == 0)
        return fail(Errc::conflict, "there is such a key already");
      return {};
    });
  }

  Result<std::optional<ApiKey>> find_key(runtime::Task& task, std::string_view key_sha256) override {
    return database_.read(task, k_every_tenant, [&](Connection& connection) -> Result<std::optional<ApiKey>> {
      const Rows rows = connection.query(
          "SELECT k.key_id, k.tenant_id, t.name, k.role, k.key_sha256, integrations.ms(k.created_at)"
          " FROM integrations.api_keys k JOIN integrations.tenants t ON t.tenant_id = k.tenant_id WHERE k.key_sha256 = $1",
          key_sha256);
      if (rows.empty()) return std::nullopt;
      const Row row = rows.front();
      return ApiKey{.key_id = row.text(0),
                    .tenant_id = row.text(1),
                    .tenant_name = row.text(2),
                    .role = row.text(3),
                    .key_sha256 = row.text(4),
                    .created_at_ms = row.integer(5)};
    });
  }

  Result<bool> is_plugin_allowed(runtime::Task& task, std::string_view tenant_id,
                                 std::string_view plugin_id) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<bool> {
      return !connection
                  .query("SELECT 1 FROM integrations.allowed_plugins WHERE tenant_id = $1 AND plugin_id = $2", tenant_id,
                         plugin_id)
                  .empty();
    });
  }

  Result<std::vector<AllowedPlugin>> allowed_plugins(runtime::Task& task, std::string_view tenant_id) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::vector<AllowedPlugin>> {
      std::vector<AllowedPlugin> plugins;
      for (const Row row : connection.query("SELECT plugin_id, integrations.ms(created_at), approved_by,"
                                            " coalesce(integrations.ms(approved_at), 0) FROM integrations.allowed_plugins"
                                            " WHERE tenant_id = $1 ORDER BY plugin_id COLLATE \"C\"",
                                            tenant_id))
        plugins.push_back({row.text(0), row.integer(1), row.text(2), row.integer(3)});
      return plugins;
    });
  }

  Result<std::optional<std::string>> wrapped_key(runtime::Task& task, std::string_view tenant_id) override {
    return database_.read(task, tenant_id, [&](Connection& connection) -> Result<std::optional<std::string>> {
      const Rows rows = connection.query("SELECT wrapped_key FROM integrations.tenant_keys WHERE tenant_id = $1", tenant_id);
      if (rows.empty()) return std::nullopt;
      return rows.front().bytes(0);
    });
  }

  Result<void> put_wrapped_key(runtime::Task& task, std::string_view tenant_id, std::string_view wrapped) override {
    return database_.write(task, tenant_id, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_tenant(connection, tenant_id));
      if (connection.run("INSERT INTO integrations.tenant_keys (tenant_id, wrapped_key) VALUES ($1, $2)"
                         " ON CONFLICT DO NOTHING",
                         tenant_id, Blob{wrapped}) == 0)
        return fail(Errc::conflict, "the tenant has a data key already");
      return {};
    });
  }

 private:
  Database& database_;
};

}  // namespace

std::unique_ptr<Tenants> make_tenants(Database& database) { return std::make_unique<PostgresTenants>(database); }

}  // namespace tomada::store::postgres
