// The parts of the store, each made from what it needs.
#pragma once

#include "host/store/postgres/database.hpp"
#include "host/store/store.hpp"

#include <memory>

namespace tomada::store::postgres {

class Intake;

std::unique_ptr<Tenants> make_tenants(Database& database);
std::unique_ptr<Integrations> make_integrations(Database& database);
std::unique_ptr<Apps> make_apps(Database& database);
std::unique_ptr<Records> make_records(Database& database);
std::unique_ptr<Syncs> make_syncs(Database& database);
std::unique_ptr<Jobs> make_jobs(Database& database);
std::unique_ptr<Values> make_values(Database& database);
std::unique_ptr<Webhooks> make_webhooks(Database& database, Intake& intake);
std::unique_ptr<Plugins> make_plugins(Database& database);
std::unique_ptr<Limits> make_limits(Database& database);
std::unique_ptr<Breakers> make_breakers(Database& database);
std::unique_ptr<Events> make_events(Database& database);
std::unique_ptr<CacheEntries> make_cache_entries(Database& database);

}  // namespace tomada::store::postgres
