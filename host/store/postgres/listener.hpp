// Hears from other hosts on the same database that a job became due (LISTEN tomada_jobs). Its connection also says that a
// host is here (occupancy.hpp), again after each reconnect.
#pragma once

#include "host/store/postgres/address.hpp"

#include <functional>
#include <mutex>
#include <thread>

struct pg_conn;  // libpq's

namespace tomada::store::postgres {

class Listener {
 public:
  /// Connects before it returns, if the server is there.
  explicit Listener(const Address& address);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// `fn` runs on the listener's thread: after a notification, and after the connection came back, because meanwhile any
  /// may have been missed. An empty one ends that; when this returns, the former is not running.
  void set(std::function<void()> fn);

 private:
  pg_conn* connect();  // nullptr: not now
  void work();
  void listen(pg_conn& connection);
  void tell();
  bool wait(int socket, int timeout_ms);

  const Address& address_;
  int stop_descriptor_;
  std::mutex mutex_;
  std::function<void()> fn_;
  pg_conn* first_;  // the thread takes it over
  std::thread thread_;
};

}  // namespace tomada::store::postgres
