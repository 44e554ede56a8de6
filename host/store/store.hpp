// Everything durable behind one interface; sqlite/ and postgres/ implement it, one test suite judges both.
#pragma once

#include "host/store/apps.hpp"
#include "host/store/breakers.hpp"
#include "host/store/cache_entries.hpp"
#include "host/store/events.hpp"
#include "host/store/integrations.hpp"
#include "host/store/jobs.hpp"
#include "host/store/limits.hpp"
#include "host/store/plugins.hpp"
#include "host/store/records.hpp"
#include "host/store/syncs.hpp"
#include "host/store/tenants.hpp"
#include "host/store/values.hpp"
#include "host/store/webhooks.hpp"

#include <functional>

namespace tomada::store {

/* Rules for all parts:
 * - Every function suspends the task while database threads work, and is not interruptible: what it reports happened.
 * - A write is durable when it returns (group commit: many writes, one fsync).
 * - Every query takes a tenant, except those for the operator and for the job runner, whose comments say so.
 * - NOT_FOUND: no such row for this tenant. CONFLICT: a unique name is taken, or a fencing token is old.
 *   UNAVAILABLE: disk full, database locked or gone, queue full; nothing was written, try again later.
 * - Any loop may call; the store outlives every task. */
class Store {
 public:
  virtual ~Store() = default;
  virtual Tenants& tenants() = 0;
  virtual Integrations& integrations() = 0;
  virtual Records& records() = 0;
  virtual Syncs& syncs() = 0;
  virtual Jobs& jobs() = 0;
  virtual Values& values() = 0;
  virtual Apps& apps() = 0;
  virtual Webhooks& webhooks() = 0;
  virtual Plugins& plugins() = 0;
  virtual Limits& limits() = 0;
  virtual Breakers& breakers() = 0;
  virtual Events& events() = 0;
  virtual CacheEntries& cache_entries() = 0;

  /// One cheap round trip; for /health.
  virtual Result<void> ping(runtime::Task& task) = 0;

  /// Where other hosts may share the store: `fn` runs, on a thread of the store, whenever one of them may have made a job
  /// due. An empty one ends that. A store of this process alone never calls it.
  virtual void watch_jobs(std::function<void()> fn) { (void)fn; }
};

}  // namespace tomada::store
