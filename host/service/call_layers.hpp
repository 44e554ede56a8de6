// What the layers of outbound requests share over all calls: budgets, breakers, the retries' share of the traffic.
#pragma once

#include "host/breaker/breakers.hpp"
#include "host/http/retrying.hpp"
#include "host/limit/tracking.hpp"
#include "host/service/call_limits.hpp"
#include "host/store/store.hpp"

#include <utility>
#include <vector>

namespace tomada::service {

/// Thread-safe. Outlives all calls; the loops outlive it, and run no more when it ends. All given is borrowed.
struct CallLayers {
  CallLayers(store::Store& store, std::vector<runtime::Loop*> loops, CallDefaults defaults)
      : call_defaults(std::move(defaults)), governor(loops), tracking(governor, store.limits(), *loops.front()),
        breakers(store.breakers(), loops.front()->clock()) {}

  const CallDefaults call_defaults;
  limit::Governor governor;
  limit::Tracking tracking;
  breaker::Breakers breakers;
  http::RetryBudgets retry_budgets;
};

}  // namespace tomada::service
