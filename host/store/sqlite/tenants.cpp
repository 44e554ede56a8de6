#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {
namespace {

class SqliteTenants final : public Tenants {
 public:
  explicit SqliteTenants(Database& database) : database_(database) {}

  Result<void> create(runtime::Task& task, const Tenant& tenant) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (connection.run("INSERT INTO tenants (tenant_id, name, created_at_ms) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT DO NOTHING",
                         tenant.tenant_id, tenant.name, tenant.created_at_ms) == 0)
        return fail(Errc::conflict, "there is a tenant named " + tenant.name + " already");
      return {};
    });
  }

  Result<std::optional<Tenant>> find_by_name(runtime::Task& task, std::string_view name) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<Tenant>> {
      auto query = connection.prepare("SELECT tenant_id, name, created_at_ms FROM tenants WHERE name = ?1");
      if (!query.first(name)) return std::nullopt;
      return read_tenant(query);
    });
  }

  Result<std::vector<Tenant>> list(runtime::Task& task) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<Tenant>> {
      std::vector<Tenant> tenants;
      auto query = connection.prepare("SELECT tenant_id, name, created_at_ms FROM tenants ORDER BY name");
      while (query.step()) tenants.push_back(read_tenant(query));
      return tenants;
    });
  }

  Result<void> add_key(runtime::Task& task, const ApiKey& key) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_tenant(connection, key.tenant_id));
      if (connection.run("INSERT INTO api_keys (key_id, tenant_id, role, key_sha256, created_at_ms)"
                         " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                         key.key_id, key.tenant_id, key.role, key.key_sha256, key.created_at_ms) == 0)
        return fail(Errc::conflict, "there is such a key already");
      return {};
    });
  }

  Result<std::optional<ApiKey>> find_key(runtime::Task& task, std::string_view key_sha256) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<ApiKey>> {
      auto query = connection.prepare(
          "SELECT k.key_id, k.tenant_id, t.name, k.role, k.key_sha256, k.created_at_ms"
          " FROM api_keys k JOIN tenants t ON t.tenant_id = k.tenant_id WHERE k.key_sha256 = ?1");
      if (!query.first(key_sha256)) return std::nullopt;
      return ApiKey{.key_id = query.text(0),
                    .tenant_id = query.text(1),
                    .tenant_name = query.text(2),
                    .role = query.text(3),
                    .key_sha256 = query.text(4),
                    .created_at_ms = query.integer(5)};
    });
  }

  Result<bool> is_plugin_allowed(runtime::Task& task, std::string_view tenant_id,
                                 std::string_view plugin_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<bool> {
      return connection.prepare("SELECT 1 FROM allowed_plugins WHERE tenant_id = ?1 AND plugin_id = ?2")
          .first(tenant_id, plugin_id);
    });
  }

  Result<std::vector<AllowedPlugin>> allowed_plugins(runtime::Task& task, std::string_view tenant_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::vector<AllowedPlugin>> {
      std::vector<AllowedPlugin> plugins;
      auto query = connection.prepare(
          "SELECT plugin_id, created_at_ms, approved_by, coalesce(approved_at_ms, 0) FROM allowed_plugins"
          " WHERE tenant_id = ?1 ORDER BY plugin_id");
      query.bind(tenant_id);
      while (query.step()) plugins.push_back({query.text(0), query.integer(1), query.text(2), query.integer(3)});
      return plugins;
    });
  }

  Result<std::optional<std::string>> wrapped_key(runtime::Task& task, std::string_view tenant_id) override {
    return database_.read(task, [&](Connection& connection) -> Result<std::optional<std::string>> {
      auto query = connection.prepare("SELECT wrapped_key FROM tenant_keys WHERE tenant_id = ?1");
      if (!query.first(tenant_id)) return std::nullopt;
      return query.text(0);
    });
  }

  Result<void> put_wrapped_key(runtime::Task& task, std::string_view tenant_id, std::string_view wrapped) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      TOMADA_TRY(require_tenant(connection, tenant_id));
      if (connection.run("INSERT INTO tenant_keys (tenant_id, wrapped_key) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                         tenant_id, Blob{wrapped}) == 0)
        return fail(Errc::conflict, "the tenant has a data key already");
      return {};
    });
  }

 private:
  static Tenant read_tenant(const Statement& row) {
    return {.tenant_id = row.text(0), .name = row.text(1), .created_at_ms = row.integer(2)};
  }
  static Result<void> require_tenant(Connection& connection, std::string_view tenant_id) {
    if (connection.prepare("SELECT 1 FROM tenants WHERE tenant_id = ?1").first(tenant_id)) return {};
    return fail(Errc::not_found, "there is no such tenant");
  }

  Database& database_;
};

}  // namespace

std::unique_ptr<Tenants> make_tenants(Database& database) { return std::make_unique<SqliteTenants>(database); }

}  // namespace tomada::store::sqlite
