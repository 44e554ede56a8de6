#include "host/base/uuid.hpp"
#include "host/store/postgres/parts.hpp"

namespace tomada::store::postgres {
namespace {

/// Of a version `v`.
#define TOMADA_IS_IN_USE                                                                                       \
  "(EXISTS (SELECT 1 FROM integrations.plugin_choices c WHERE c.plugin_id = v.plugin_id"                       \
  " AND v.sha256 IN (c.sha256, c.previous_sha256))"                                                            \
  " OR EXISTS (SELECT 1 FROM integrations.plugin_pins p WHERE p.plugin_id = v.plugin_id AND p.version = v.version))"

/// What follows decides by rows that another host may be adding or removing: one at a time. Operators' work is rare, and
/// readers do not wait.
void one_at_a_time(Connection& connection) {
  connection.execute("LOCK TABLE integrations.plugin_versions IN SHARE ROW EXCLUSIVE MODE");
}

// Sorted by bytes, whatever the database sorts text by.
PluginState read_state(Connection& connection) {
  PluginState state;
  for (const Row row : connection.query("SELECT plugin_id, sha256, version, installed_at_ms FROM integrations.plugin_versions"
                                        " ORDER BY plugin_id COLLATE \"C\", installed_at_ms, sha256 COLLATE \"C\""))
    state.versions.push_back({.plugin_id = row.text(0),
                              .sha256 = row.text(1),
                              .version = row.text(2),
                              .installed_at_ms = row.integer(3)});
  for (const Row row : connection.query("SELECT plugin_id, sha256, previous_sha256, chosen_at_ms"
                                        " FROM integrations.plugin_choices ORDER BY plugin_id COLLATE \"C\""))
    state.choices.push_back({.plugin_id = row.text(0),
                             .sha256 = row.text(1),
                             .previous_sha256 = row.text(2),
                             .chosen_at_ms = row.integer(3)});
  for (const Row row : connection.query("SELECT plugin_id, tenant_id, version FROM integrations.plugin_pins"
                                        " ORDER BY plugin_id COLLATE \"C\", tenant_id"))
    state.pins.push_back({.plugin_id = row.text(0), .tenant_id = row.text(1), .version = row.text(2)});
  for (const Row row : connection.query("SELECT plugin_id, tenant_id, coalesce(capabilities, ''), approved_by,"
                                        " coalesce(integrations.ms(approved_at), 0) FROM integrations.allowed_plugins"
                                        " ORDER BY plugin_id COLLATE \"C\", tenant_id"))
    state.approvals.push_back({.plugin_id = row.text(0),
                               .tenant_id = row.text(1),
                               .capabilities = row.text(2),
                               .approved_by = row.text(3),
                               .approved_at_ms = row.integer(4)});
  for (const Row row : connection.query("SELECT plugin_id, version, reason, signal, last_service, since_ms"
                                        " FROM integrations.plugin_quarantines ORDER BY plugin_id COLLATE \"C\""))
    state.quarantines.push_back({.plugin_id = row.text(0),
                                 .version = row.text(1),
                                 .reason = row.text(2),
                                 .signal = static_cast<std::int32_t>(row.integer(3)),
                                 .last_service = row.text(4),
                                 .since_ms = row.integer(5)});
  return state;
}

std::int64_t count_of(const Rows& rows) { return rows.empty() ? 0 : rows.front().integer(0); }

/// The oldest version that is not in use goes when there are as many as may be.
Result<void> make_room(Connection& connection, const std::string& plugin_id) {
  if (count_of(connection.query("SELECT count(*) FROM integrations.plugin_versions WHERE plugin_id = $1", plugin_id)) <
      static_cast<std::int64_t>(k_plugin_versions_count_max))
    return {};
  if (connection.run("DELETE FROM integrations.plugin_versions WHERE plugin_id = $1 AND sha256 ="
                     " (SELECT v.sha256 FROM integrations.plugin_versions v WHERE v.plugin_id = $1 AND NOT " TOMADA_IS_IN_USE
                     " ORDER BY v.installed_at_ms, v.sha256 COLLATE \"C\" LIMIT 1)",
                     plugin_id) == 0)
    return fail(Errc::conflict, "there are " + std::to_string(k_plugin_versions_count_max) + " versions of plugin " + plugin_id +
                                    ", and all are chosen, the previous one or pinned; take a pin away");
  return {};
}

/// Everything as the host: only pins and approvals have a tenant, and the operator sets them.
class PostgresPlugins final : public Plugins {
 public:
  explicit PostgresPlugins(Database& database) : database_(database) {}

  Result<PluginState> all(runtime::Task& task) override {
    return database_.read(task, k_every_tenant,
                          [](Connection& connection) -> Result<PluginState> { return read_state(connection); });
  }

  Result<void> add_version(runtime::Task& task, const PluginVersion& version) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      one_at_a_time(connection);
      if (connection.run("UPDATE integrations.plugin_versions SET installed_at_ms = $3 WHERE plugin_id = $1 AND sha256 = $2",
                         version.plugin_id, version.sha256, version.installed_at_ms) > 0)
        return {};
      TOMADA_TRY(make_room(connection, version.plugin_id));
      connection.run("INSERT INTO integrations.plugin_versions (plugin_id, sha256, version, installed_at_ms)"
                     " VALUES ($1, $2, $3, $4)",
                     version.plugin_id, version.sha256, version.version, version.installed_at_ms);
      return {};
    });
  }

  Result<void> remove_version(runtime::Task& task, std::string_view plugin_id, std::string_view sha256) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      one_at_a_time(connection);
      const Rows found = connection.query("SELECT " TOMADA_IS_IN_USE " FROM integrations.plugin_versions v"
                                          " WHERE plugin_id = $1 AND sha256 = $2",
                                          plugin_id, sha256);
      if (found.empty()) return none(plugin_id, sha256);
      if (found.front().boolean(0))
        return fail(Errc::conflict, "this version of plugin " + std::string(plugin_id) +
                                        " is chosen, the previous one or pinned for a tenant");
      connection.run("DELETE FROM integrations.plugin_versions WHERE plugin_id = $1 AND sha256 = $2", plugin_id, sha256);
      return {};
    });
  }

  Result<void> choose(runtime::Task& task, std::string_view plugin_id, std::string_view sha256,
                      std::int64_t now_ms) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      one_at_a_time(connection);
      if (connection.query("SELECT 1 FROM integrations.plugin_versions WHERE plugin_id = $1 AND sha256 = $2", plugin_id, sha256)
              .empty())
        return none(plugin_id, sha256);
      connection.run("INSERT INTO integrations.plugin_choices AS c (plugin_id, sha256, chosen_at_ms) VALUES ($1, $2, $3)"
                     " ON CONFLICT (plugin_id) DO UPDATE SET previous_sha256 = c.sha256, sha256 = EXCLUDED.sha256,"
                     " chosen_at_ms = EXCLUDED.chosen_at_ms WHERE c.sha256 <> EXCLUDED.sha256",
                     plugin_id, sha256, now_ms);
      return {};
    });
  }

  Result<void> pin(runtime::Task& task, const PluginPin& pin) override {
    if (!is_uuid(pin.tenant_id)) return no_tenant();
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      one_at_a_time(connection);
      if (connection.query("SELECT 1 FROM integrations.tenants WHERE tenant_id = $1 FOR KEY SHARE", pin.tenant_id).empty())
        return no_tenant();
      if (connection.run("UPDATE integrations.plugin_pins SET version = $3 WHERE plugin_id = $1 AND tenant_id = $2",
                         pin.plugin_id, pin.tenant_id, pin.version) > 0)
        return {};
      if (count_of(connection.query("SELECT count(*) FROM integrations.plugin_pins")) >=
          static_cast<std::int64_t>(k_plugin_pins_count_max))
        return fail(Errc::invalid_data, "there are " + std::to_string(k_plugin_pins_count_max) + " pins already");
      connection.run("INSERT INTO integrations.plugin_pins (plugin_id, tenant_id, version) VALUES ($1, $2, $3)", pin.plugin_id,
                     pin.tenant_id, pin.version);
      return {};
    });
  }

  Result<void> unpin(runtime::Task& task, std::string_view plugin_id, std::string_view tenant_id) override {
    if (!is_uuid(tenant_id)) return no_pin(plugin_id);
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      if (connection.run("DELETE FROM integrations.plugin_pins WHERE plugin_id = $1 AND tenant_id = $2", plugin_id, tenant_id) == 0)
        return no_pin(plugin_id);
      return {};
    });
  }

  Result<void> approve(runtime::Task& task, const PluginApproval& approval) override {
    if (!is_uuid(approval.tenant_id)) return no_tenant();
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      one_at_a_time(connection);
      if (connection.query("SELECT 1 FROM integrations.tenants WHERE tenant_id = $1 FOR KEY SHARE", approval.tenant_id).empty())
        return no_tenant();
      if (connection.run("UPDATE integrations.allowed_plugins SET capabilities = nullif($3, ''), approved_by = $4,"
                         " approved_at = integrations.at($5) WHERE plugin_id = $1 AND tenant_id = $2",
                         approval.plugin_id, approval.tenant_id, approval.capabilities, approval.approved_by,
                         approval.approved_at_ms) > 0)
        return {};
      if (count_of(connection.query("SELECT count(*) FROM integrations.allowed_plugins")) >=
          static_cast<std::int64_t>(k_plugin_approvals_count_max))
        return fail(Errc::invalid_data, "there are " + std::to_string(k_plugin_approvals_count_max) + " approvals already");
      connection.run("INSERT INTO integrations.allowed_plugins"
                     " (plugin_id, tenant_id, capabilities, approved_by, approved_at, created_at)"
                     " VALUES ($1, $2, nullif($3, ''), $4, integrations.at($5), integrations.at($5))",
                     approval.plugin_id, approval.tenant_id, approval.capabilities, approval.approved_by,
                     approval.approved_at_ms);
      return {};
    });
  }

  Result<std::int64_t> adopt(runtime::Task& task, const PluginApproval& approval) override {
    if (!approval.tenant_id.empty() && !is_uuid(approval.tenant_id)) return 0;
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<std::int64_t> {
      return connection.run("UPDATE integrations.allowed_plugins SET capabilities = $3, approved_by = $4,"
                            " approved_at = integrations.at($5)"
                            " WHERE plugin_id = $1 AND ($2 = '' OR tenant_id::text = $2) AND capabilities IS NULL",
                            approval.plugin_id, approval.tenant_id, approval.capabilities, approval.approved_by,
                            approval.approved_at_ms);
    });
  }

  Result<void> quarantine(runtime::Task& task, const PluginQuarantine& quarantine) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      connection.run("INSERT INTO integrations.plugin_quarantines (plugin_id, version, reason, signal, last_service, since_ms)"
                     " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (plugin_id) DO UPDATE SET version = EXCLUDED.version,"
                     " reason = EXCLUDED.reason, signal = EXCLUDED.signal, last_service = EXCLUDED.last_service,"
                     " since_ms = EXCLUDED.since_ms",
                     quarantine.plugin_id, quarantine.version, quarantine.reason, quarantine.signal,
                     quarantine.last_service, quarantine.since_ms);
      return {};
    });
  }

  Result<void> release(runtime::Task& task, std::string_view plugin_id) override {
    return database_.write(task, k_every_tenant, [&](Connection& connection) -> Result<void> {
      if (connection.run("DELETE FROM integrations.plugin_quarantines WHERE plugin_id = $1", plugin_id) == 0)
        return fail(Errc::not_found, "plugin " + std::string(plugin_id) + " is not in quarantine");
      return {};
    });
  }

 private:
  static Error none(std::string_view plugin_id, std::string_view sha256) {
    return fail(Errc::not_found, "there is no version " + std::string(sha256) + " of plugin " + std::string(plugin_id));
  }
  static Error no_tenant() { return fail(Errc::not_found, "there is no such tenant"); }
  static Error no_pin(std::string_view plugin_id) {
    return fail(Errc::not_found, "the tenant has no pin on plugin " + std::string(plugin_id));
  }

  Database& database_;
};

}  // namespace

std::unique_ptr<Plugins> make_plugins(Database& database) { return std::make_unique<PostgresPlugins>(database); }

}  // namespace tomada::store::postgres
