// Hears from other hosts on the same database that a job became due (LISTEN tomada_jobs).
#pragma once

#include "host/store/postgres/address.hpp"

#include <functional>
#include <mutex>
#include <thread>

struct pg_conn;  // libpq's

namespace tomada::store::postgres {

class Listener {
 public:
  explicit Listener(const Address& address);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// `fn` runs on the listener's thread: after a notification, and after the connection came back, because meanwhile any
  /// may have been missed. An empty one ends that; when this returns, the former is not running.
  void set(std::function<void()> fn);

 private:
  void work();
  void listen(pg_conn& connection);
  void tell();
  bool wait(int socket, int timeout_ms);

  const Address& address_;
  int stop_descriptor_;
  std::mutex mutex_;
  std::function<void()> fn_;
  std::thread thread_;
};

}  // namespace tomada::store::postgres
