#include "host/store/postgres/open.hpp"

#include "host/store/postgres/occupancy.hpp"
#include "host/store/postgres/postgres_store.hpp"
#include "host/store/postgres/schema.hpp"

#include <algorithm>

namespace tomada::store::postgres {
namespace {

constexpr std::size_t k_connections_min = 6;
constexpr std::size_t k_intake_threads_count = 2;

/// Without the listener and the intake.
std::size_t connections_left(const Options& options) {
  return std::max(options.connections_max, k_connections_min) - 1 - k_intake_threads_count;
}
std::size_t readers_count(const Options& options) { return connections_left(options) / 2; }

Session::Options session_options(const Options& options, Access access) {
  return {.connection = {.statement_timeout = options.statement_timeout, .follows_indexes = access == Access::write},
          .reconnect_max = options.reconnect_max};
}

}  // namespace

PostgresStore::PostgresStore(Address address, const Options& options)
    : address_(std::move(address)),
      writers_("store-writer", address_, session_options(options, Access::write), stop_,
               connections_left(options) - readers_count(options), options.queue_max),
      readers_("store-reader", address_, session_options(options, Access::read), stop_, readers_count(options), options.queue_max),
      intake_(address_, session_options(options, Access::write), stop_, k_intake_threads_count, options.queue_max),
      database_(writers_, readers_),
      listener_(address_),
      tenants_(make_tenants(database_)),
      integrations_(make_integrations(database_)),
      records_(make_records(database_)),
      syncs_(make_syncs(database_)),
      jobs_(make_jobs(database_)),
      values_(make_values(database_)),
      apps_(make_apps(database_)),
      webhooks_(make_webhooks(database_, intake_)),
      plugins_(make_plugins(database_)),
      limits_(make_limits(database_)),
      breakers_(make_breakers(database_)),
      events_(make_events(database_)),
      cache_entries_(make_cache_entries(database_)) {}

// Whoever waits for a server that is away gives up.
PostgresStore::~PostgresStore() { stop_.request(); }

Result<void> PostgresStore::ping(runtime::Task& task) {
  return database_.read(task, k_every_tenant, [](Connection& connection) -> Result<void> {
    connection.run("SELECT 1 FROM integrations.schema_migrations LIMIT 1");
    return {};
  });
}

Result<std::unique_ptr<Store>> open(const Options& options) {
  TOMADA_TRY_ASSIGN(auto address, parse_address(options.url));
  // Migrations may rewrite tables: they take the time they need. The connection stays until the listener has its own.
  TOMADA_TRY_ASSIGN(const auto connection, Connection::open(address, {.statement_timeout = std::chrono::milliseconds(0)}));
  auto prepared = migrate(*connection);
  if (prepared.has_value()) prepared = enter_as_host(*connection, address.shown);
  if (prepared.has_error()) return std::move(prepared).error().within(address.shown);
  return std::unique_ptr<Store>(std::make_unique<PostgresStore>(std::move(address), options));
}

}  // namespace tomada::store::postgres
