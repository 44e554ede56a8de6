// The store of one PostgreSQL database: its threads and its parts, in the order in which they need each other.
#pragma once

#include "host/store/postgres/database.hpp"
#include "host/store/postgres/listener.hpp"
#include "host/store/postgres/open.hpp"
#include "host/store/postgres/parts.hpp"
#include "host/store/postgres/webhook_intake.hpp"

namespace tomada::store::postgres {

/// Destroyed when no task uses it any more.
class PostgresStore final : public Store {
 public:
  PostgresStore(Address address, const Options& options);
  ~PostgresStore() override;

  Tenants& tenants() override { return *tenants_; }
  Integrations& integrations() override { return *integrations_; }
  Records& records() override { return *records_; }
  Syncs& syncs() override { return *syncs_; }
  Jobs& jobs() override { return *jobs_; }
  Values& values() override { return *values_; }
  Apps& apps() override { return *apps_; }
  Webhooks& webhooks() override { return *webhooks_; }
  Plugins& plugins() override { return *plugins_; }
  Limits& limits() override { return *limits_; }
  Breakers& breakers() override { return *breakers_; }
  Events& events() override { return *events_; }
  CacheEntries& cache_entries() override { return *cache_entries_; }
  Result<void> ping(runtime::Task& task) override;
  void watch_jobs(std::function<void()> fn) override { listener_.set(std::move(fn)); }

 private:
  const Address address_;
  Stop stop_;
  Sessions writers_;
  Sessions readers_;
  Intake intake_;
  Database database_;
  Listener listener_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<Integrations> integrations_;
  std::unique_ptr<Records> records_;
  std::unique_ptr<Syncs> syncs_;
  std::unique_ptr<Jobs> jobs_;
  std::unique_ptr<Values> values_;
  std::unique_ptr<Apps> apps_;
  std::unique_ptr<Webhooks> webhooks_;
  std::unique_ptr<Plugins> plugins_;
  std::unique_ptr<Limits> limits_;
  std::unique_ptr<Breakers> breakers_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<CacheEntries> cache_entries_;
};

}  // namespace tomada::store::postgres
