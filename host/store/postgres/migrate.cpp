#include "host/store/postgres/schema.hpp"

#include <string>

namespace tomada::store::postgres {
namespace {

// Any number that no other program on the database takes: "tomada" in ASCII.
constexpr const char* k_lock = "SELECT pg_advisory_lock(127970253530209)";
constexpr const char* k_unlock = "SELECT pg_advisory_unlock(127970253530209)";
constexpr int k_server_version_min = 140000;

std::int64_t scalar(Connection& connection, const char* question) {
  const Rows rows = connection.execute(question);
  return rows.empty() ? 0 : rows.front().integer(0);
}

Result<void> check_server(Connection& connection) {
  const std::int64_t version = scalar(connection, "SELECT current_setting('server_version_num')::bigint");
  TOMADA_TRY(connection.take_result());
  if (version < k_server_version_min)
    return fail(Errc::invalid_config, "the server is PostgreSQL " + std::to_string(version / 10000) + "; 14 or newer is needed");
  const std::int64_t is_utf8 = scalar(connection, "SELECT (current_setting('server_encoding') = 'UTF8')::int");
  TOMADA_TRY(connection.take_result());
  if (is_utf8 == 0)
    return fail(Errc::invalid_config, "the database's encoding is not UTF8; make one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0");
  return {};
}

/// 0: nothing there yet.
Result<std::int64_t> current_version(Connection& connection) {
  const std::int64_t exists = scalar(connection, "SELECT (to_regnamespace('integrations') IS NOT NULL)::int");
  TOMADA_TRY(connection.take_result());
  if (exists == 0) return std::int64_t{0};
  const std::int64_t ours = scalar(connection, "SELECT (to_regclass('integrations.schema_migrations') IS NOT NULL)::int");
  TOMADA_TRY(connection.take_result());
  const std::int64_t tables = scalar(connection, "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('integrations')");
  TOMADA_TRY(connection.take_result());
  if (ours == 0 && tables > 0)
    return fail(Errc::invalid_data,
                "its schema \"integrations\" was made by another program; name another database, or rename that schema "
                "(ALTER SCHEMA integrations RENAME TO …)");
  if (ours == 0) return std::int64_t{0};
  const std::int64_t version = scalar(connection, "SELECT coalesce(max(version), 0) FROM integrations.schema_migrations");
  TOMADA_TRY(connection.take_result());
  return version;
}

Result<void> apply(Connection& connection, const Migration& migration) {
  connection.execute(std::string("BEGIN; ") + migration.script +
                     "; INSERT INTO integrations.schema_migrations (version, name) VALUES (" +
                     std::to_string(migration.version) + ", '" + migration.name + "'); COMMIT");
  auto error = connection.take_error();
  if (!error) return {};
  connection.execute("ROLLBACK");
  (void)connection.take_error();
  return std::move(*error).within("migration " + std::to_string(migration.version) + " (" + migration.name + ")");
}

Result<void> migrate_locked(Connection& connection) {
  TOMADA_TRY_ASSIGN(const std::int64_t version, current_version(connection));
  const std::int64_t known = migrations().back().version;
  if (version > known)
    return fail(Errc::invalid_data, "the database belongs to a newer version of Tomada (its schema is " +
                                        std::to_string(version) + ", this program knows up to " + std::to_string(known) +
                                        "); use that version, or another database");
  for (const Migration& migration : migrations())
    if (migration.version > version) TOMADA_TRY(apply(connection, migration));
  return {};
}

}  // namespace

Result<void> migrate(Connection& connection) {
  TOMADA_TRY(check_server(connection));
  connection.execute(k_lock);
  TOMADA_TRY(connection.take_result());
  auto outcome = migrate_locked(connection);
  connection.execute(k_unlock);
  (void)connection.take_error();
  return outcome;
}

}  // namespace tomada::store::postgres
