// A database thread's connection, which comes back after the server was away, and whole transactions on it.
#pragma once

#include "host/store/postgres/connection.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

namespace tomada::store::postgres {

enum class Access { read, write };

/// Whose rows a transaction may see and change: row-level security holds it to that.
struct Terms {
  std::string_view tenant_id;  // empty: the host's own, all tenants
  Access access{Access::write};
  std::string_view lane;  // writes of the same lane wait for each other and share transactions; empty: one by itself
};

/// Ends the waits of sessions when the store closes. Thread-safe.
class Stop {
 public:
  void request();
  [[nodiscard]] bool is_requested() const { return requested_.load(std::memory_order_relaxed); }
  /// False: stop was requested.
  bool wait_for(std::chrono::milliseconds time);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> requested_{false};
};

/* Used by one thread.
 * A transaction is tried again, from its start, after a deadlock and after the connection was lost before its commit. When
 * the connection is lost in the commit itself, the server is asked for what became of it (pg_xact_status): aborted is tried
 * again; all else is UNAVAILABLE for something that may have happened. Whoever repeats it then finds it done (keys, fencing
 * tokens, versions). */
class Session {
 public:
  struct Options {
    Connection::Options connection;
    std::chrono::milliseconds reconnect_max{5'000};  // how long one transaction waits for the server to come back
  };
  Session(const Address& address, Options options, Stop& stop) : address_(address), options_(options), stop_(stop) {}

  /// The first connection; otherwise transact() makes it.
  Result<void> connect();

  /// `body` may run more than once and starts anew each time; false rolls back without an error. Returns the error that
  /// ended it, after which nothing was written.
  std::optional<Error> transact(const Terms& terms, const std::function<bool(Connection&)>& body);

 private:
  enum class End { done, failed, again };
  End attempt(const Terms& terms, const std::function<bool(Connection&)>& body);
  End settle(std::string_view transaction_id);
  std::optional<Error> reconnect();

  const Address& address_;
  const Options options_;
  Stop& stop_;
  std::unique_ptr<Connection> connection_;
  std::optional<Error> error_;  // of the last attempt
};

}  // namespace tomada::store::postgres
