#include "host/store/postgres/listener.hpp"

#include "host/base/assert.hpp"
#include "host/store/postgres/occupancy.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace tomada::store::postgres {
namespace {

constexpr const char* k_listen = "LISTEN tomada_jobs";
constexpr int k_reconnect_ms = 500;
// A connection that is gone without a word is found out by the statement that is sent then.
constexpr int k_check_ms = 10'000;

// libpq itself: libpqxx hands notifications over only between transactions, and only through a receiver object.
using Handle = std::unique_ptr<PGconn, decltype(&PQfinish)>;

using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

bool execute(PGconn* connection, const char* script) {
  const Answer result(PQexec(connection, script), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/// The host's part of the lock that keeps copies away. False also while one runs.
bool lock(PGconn* connection) {
  const Answer result(PQexec(connection, shared_lock_statement().c_str()), &PQclear);
  return PQresultStatus(result.get()) == PGRES_TUPLES_OK && PQntuples(result.get()) == 1 &&
         std::string_view(PQgetvalue(result.get(), 0, 0)) == "t";
}

/// Notifications that came so far.
bool take_notifications(PGconn* connection) {
  bool any = false;
  using Notification = std::unique_ptr<PGnotify, decltype(&PQfreemem)>;
  for (Notification one(PQnotifies(connection), &PQfreemem); one != nullptr; one.reset(PQnotifies(connection))) any = true;
  return any;
}

}  // namespace

Listener::Listener(const Address& address)
    : address_(address),
      stop_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      first_(connect()),
      thread_([this] { work(); }) {
  TOMADA_ASSERT(stop_descriptor_ >= 0);
  pthread_setname_np(thread_.native_handle(), "store-listener");
}

Listener::~Listener() {
  const std::uint64_t one = 1;
  const auto written = write(stop_descriptor_, &one, sizeof one);
  TOMADA_ASSERT(written == sizeof one);
  thread_.join();
  close(stop_descriptor_);
}

void Listener::set(std::function<void()> fn) {
  const std::lock_guard lock(mutex_);
  fn_ = std::move(fn);
}

void Listener::tell() {
  const std::lock_guard lock(mutex_);
  if (fn_) fn_();
}

/// False: stop. The socket may be -1.
bool Listener::wait(int socket, int timeout_ms) {
  std::array<pollfd, 2> polled{{{.fd = stop_descriptor_, .events = POLLIN, .revents = 0}, {.fd = socket, .events = POLLIN, .revents = 0}}};
  (void)poll(polled.data(), polled.size(), timeout_ms);
  return (polled[0].revents & POLLIN) == 0;
}

pg_conn* Listener::connect() {
  Handle connection(PQconnectdb(address_.connection_text.c_str()), &PQfinish);
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);  // else they go to stderr
  const bool ready = PQstatus(connection.get()) == CONNECTION_OK && lock(connection.get()) && execute(connection.get(), k_listen);
  return ready ? connection.release() : nullptr;
}

void Listener::work() {
  Handle connection(std::exchange(first_, nullptr), &PQfinish);
  while (true) {
    if (connection != nullptr) listen(*connection);
    connection.reset();
    if (!wait(-1, k_reconnect_ms)) return;
    connection.reset(connect());
  }
}

/// Until the connection ends or the store does.
void Listener::listen(PGconn& connection) {
  tell();
  while (wait(PQsocket(&connection), k_check_ms)) {
    const bool alive = PQconsumeInput(&connection) == 1;
    const bool heard = take_notifications(&connection);
    if (heard) tell();
    if (!alive || (!heard && !execute(&connection, "SELECT 1"))) return;
  }
}

}  // namespace tomada::store::postgres
