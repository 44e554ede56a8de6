// Opens the store of a PostgreSQL database (version 14 or newer), which many hosts may share.
#pragma once

#include "host/store/store.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace tomada::store::postgres {

struct Options {
  std::string url;                  // postgres://…
  std::size_t connections_max{10};  // 6 or more: one listens, two take webhooks in, the rest reads and writes
  std::size_t queue_max{10'000};    // work that waits for a connection, for each kind; more is UNAVAILABLE
  std::chrono::milliseconds statement_timeout{30'000};
  std::chrono::milliseconds reconnect_max{5'000};  // how long a transaction waits for a server that is away
};

/// Connects, brings the schema up to date (one host at a time), and starts the threads.
/// INVALID_CONFIG: the URL. UNAVAILABLE: no connection. INVALID_DATA: the schema is of a newer version, or not ours.
Result<std::unique_ptr<Store>> open(const Options& options);

}  // namespace tomada::store::postgres
