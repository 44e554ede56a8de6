#include "host/store/sqlite/parts.hpp"

namespace tomada::store::sqlite {
namespace {

/// Of a version `v`.
#define TOMADA_IS_IN_USE                                                                                                  \
  "(EXISTS (SELECT 1 FROM plugin_choices c WHERE c.plugin_id = v.plugin_id AND v.sha256 IN (c.sha256, c.previous_sha256))" \
  " OR EXISTS (SELECT 1 FROM plugin_pins p WHERE p.plugin_id = v.plugin_id AND p.version = v.version))"

PluginState read_state(Connection& connection) {
  PluginState state;
  auto versions = connection.prepare(
      "SELECT plugin_id, sha256, version, installed_at_ms FROM plugin_versions ORDER BY plugin_id, installed_at_ms, sha256");
  while (versions.step())
    state.versions.push_back({.plugin_id = versions.text(0),
                              .sha256 = versions.text(1),
                              .version = versions.text(2),
                              .installed_at_ms = versions.integer(3)});
  auto choices = connection.prepare(
      "SELECT plugin_id, sha256, previous_sha256, chosen_at_ms FROM plugin_choices ORDER BY plugin_id");
  while (choices.step())
    state.choices.push_back({.plugin_id = choices.text(0),
                             .sha256 = choices.text(1),
                             .previous_sha256 = choices.text(2),
                             .chosen_at_ms = choices.integer(3)});
  auto pins = connection.prepare("SELECT plugin_id, tenant_id, version FROM plugin_pins ORDER BY plugin_id, tenant_id");
  while (pins.step()) state.pins.push_back({.plugin_id = pins.text(0), .tenant_id = pins.text(1), .version = pins.text(2)});
  auto approvals = connection.prepare(
      "SELECT plugin_id, tenant_id, coalesce(capabilities, ''), approved_by, coalesce(approved_at_ms, 0)"
      " FROM allowed_plugins ORDER BY plugin_id, tenant_id");
  while (approvals.step())
    state.approvals.push_back({.plugin_id = approvals.text(0),
                               .tenant_id = approvals.text(1),
                               .capabilities = approvals.text(2),
                               .approved_by = approvals.text(3),
                               .approved_at_ms = approvals.integer(4)});
  auto quarantines = connection.prepare(
      "SELECT plugin_id, version, reason, signal, last_service, since_ms FROM plugin_quarantines ORDER BY plugin_id");
  while (quarantines.step())
    state.quarantines.push_back({.plugin_id = quarantines.text(0),
                                 .version = quarantines.text(1),
                                 .reason = quarantines.text(2),
                                 .signal = static_cast<std::int32_t>(quarantines.integer(3)),
                                 .last_service = quarantines.text(4),
                                 .since_ms = quarantines.integer(5)});
  return state;
}

/// The oldest version that is not in use goes when there are as many as may be.
Result<void> make_room(Connection& connection, const std::string& plugin_id) {
  auto count = connection.prepare("SELECT count(*) FROM plugin_versions WHERE plugin_id = ?1");
  if (!count.first(plugin_id) || count.integer(0) < static_cast<std::int64_t>(k_plugin_versions_count_max)) return {};
  if (connection.run("DELETE FROM plugin_versions WHERE plugin_id = ?1 AND sha256 = (SELECT v.sha256 FROM plugin_versions v"
                     " WHERE v.plugin_id = ?1 AND NOT " TOMADA_IS_IN_USE
                     " ORDER BY v.installed_at_ms, v.sha256 LIMIT 1)",
                     plugin_id) == 0)
    return fail(Errc::conflict, "there are " + std::to_string(k_plugin_versions_count_max) + " versions of plugin " + plugin_id +
                                    ", and all are chosen, the previous one or pinned; take a pin away");
  return {};
}

class SqlitePlugins final : public Plugins {
 public:
  explicit SqlitePlugins(Database& database) : database_(database) {}

  Result<PluginState> all(runtime::Task& task) override {
    return database_.read(task, [](Connection& connection) -> Result<PluginState> { return read_state(connection); });
  }

  Result<void> add_version(runtime::Task& task, const PluginVersion& version) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (connection.run("UPDATE plugin_versions SET installed_at_ms = ?3 WHERE plugin_id = ?1 AND sha256 = ?2",
                         version.plugin_id, version.sha256, version.installed_at_ms) > 0)
        return {};
      TOMADA_TRY(make_room(connection, version.plugin_id));
      connection.run("INSERT INTO plugin_versions (plugin_id, sha256, version, installed_at_ms) VALUES (?1, ?2, ?3, ?4)",
                     version.plugin_id, version.sha256, version.version, version.installed_at_ms);
      return {};
    });
  }

  Result<void> remove_version(runtime::Task& task, std::string_view plugin_id, std::string_view sha256) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      auto found = connection.prepare("SELECT " TOMADA_IS_IN_USE " FROM plugin_versions v WHERE plugin_id = ?1 AND sha256 = ?2");
      if (!found.first(plugin_id, sha256)) return none(plugin_id, sha256);
      if (found.integer(0) != 0)
        return fail(Errc::conflict, "this version of plugin " + std::string(plugin_id) +
                                        " is chosen, the previous one or pinned for a tenant");
      connection.run("DELETE FROM plugin_versions WHERE plugin_id = ?1 AND sha256 = ?2", plugin_id, sha256);
      return {};
    });
  }

  Result<void> choose(runtime::Task& task, std::string_view plugin_id, std::string_view sha256,
                      std::int64_t now_ms) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (!connection.prepare("SELECT 1 FROM plugin_versions WHERE plugin_id = ?1 AND sha256 = ?2").first(plugin_id, sha256))
        return none(plugin_id, sha256);
      connection.run("INSERT INTO plugin_choices (plugin_id, sha256, chosen_at_ms) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (plugin_id) DO UPDATE SET previous_sha256 = plugin_choices.sha256, sha256 = excluded.sha256,"
                     " chosen_at_ms = excluded.chosen_at_ms WHERE plugin_choices.sha256 <> excluded.sha256",
                     plugin_id, sha256, now_ms);
      return {};
    });
  }

  Result<void> pin(runtime::Task& task, const PluginPin& pin) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (!connection.prepare("SELECT 1 FROM tenants WHERE tenant_id = ?1").first(pin.tenant_id))
        return fail(Errc::not_found, "there is no such tenant");
      if (connection.run("UPDATE plugin_pins SET version = ?3 WHERE plugin_id = ?1 AND tenant_id = ?2", pin.plugin_id,
                         pin.tenant_id, pin.version) > 0)
        return {};
      auto count = connection.prepare("SELECT count(*) FROM plugin_pins");
      if (count.step() && count.integer(0) >= static_cast<std::int64_t>(k_plugin_pins_count_max))
        return fail(Errc::invalid_data, "there are " + std::to_string(k_plugin_pins_count_max) + " pins already");
      connection.run("INSERT INTO plugin_pins (plugin_id, tenant_id, version) VALUES (?1, ?2, ?3)", pin.plugin_id,
                     pin.tenant_id, pin.version);
      return {};
    });
  }

  Result<void> unpin(runtime::Task& task, std::string_view plugin_id, std::string_view tenant_id) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (connection.run("DELETE FROM plugin_pins WHERE plugin_id = ?1 AND tenant_id = ?2", plugin_id, tenant_id) == 0)
        return fail(Errc::not_found, "the tenant has no pin on plugin " + std::string(plugin_id));
      return {};
    });
  }

  Result<void> approve(runtime::Task& task, const PluginApproval& approval) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (!connection.prepare("SELECT 1 FROM tenants WHERE tenant_id = ?1").first(approval.tenant_id))
        return fail(Errc::not_found, "there is no such tenant");
      if (connection.run("UPDATE allowed_plugins SET capabilities = nullif(?3, ''), approved_by = ?4, approved_at_ms = ?5"
                         " WHERE plugin_id = ?1 AND tenant_id = ?2",
                         approval.plugin_id, approval.tenant_id, approval.capabilities, approval.approved_by,
                         approval.approved_at_ms) > 0)
        return {};
      auto count = connection.prepare("SELECT count(*) FROM allowed_plugins");
      if (count.step() && count.integer(0) >= static_cast<std::int64_t>(k_plugin_approvals_count_max))
        return fail(Errc::invalid_data, "there are " + std::to_string(k_plugin_approvals_count_max) + " approvals already");
      connection.run("INSERT INTO allowed_plugins (plugin_id, tenant_id, capabilities, approved_by, approved_at_ms, created_at_ms)"
                     " VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, ?5)",
                     approval.plugin_id, approval.tenant_id, approval.capabilities, approval.approved_by,
                     approval.approved_at_ms);
      return {};
    });
  }

  Result<std::int64_t> adopt(runtime::Task& task, const PluginApproval& approval) override {
    return database_.write(task, [&](Connection& connection) -> Result<std::int64_t> {
      return connection.run("UPDATE allowed_plugins SET capabilities = ?3, approved_by = ?4, approved_at_ms = ?5"
                            " WHERE plugin_id = ?1 AND ?2 IN ('', tenant_id) AND capabilities IS NULL",
                            approval.plugin_id, approval.tenant_id, approval.capabilities, approval.approved_by,
                            approval.approved_at_ms);
    });
  }

  Result<void> quarantine(runtime::Task& task, const PluginQuarantine& quarantine) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      connection.run("INSERT OR REPLACE INTO plugin_quarantines (plugin_id, version, reason, signal, last_service, since_ms)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     quarantine.plugin_id, quarantine.version, quarantine.reason, quarantine.signal,
                     quarantine.last_service, quarantine.since_ms);
      return {};
    });
  }

  Result<void> release(runtime::Task& task, std::string_view plugin_id) override {
    return database_.write(task, [&](Connection& connection) -> Result<void> {
      if (connection.run("DELETE FROM plugin_quarantines WHERE plugin_id = ?1", plugin_id) == 0)
        return fail(Errc::not_found, "plugin " + std::string(plugin_id) + " is not in quarantine");
      return {};
    });
  }

 private:
  static Error none(std::string_view plugin_id, std::string_view sha256) {
    return fail(Errc::not_found, "there is no version " + std::string(sha256) + " of plugin " + std::string(plugin_id));
  }

  Database& database_;
};

}  // namespace

std::unique_ptr<Plugins> make_plugins(Database& database) { return std::make_unique<SqlitePlugins>(database); }

}  // namespace tomada::store::sqlite
