#include "host/store/postgres/listener.hpp"

#include "host/base/assert.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace tomada::store::postgres {
namespace {

constexpr const char* k_listen = "LISTEN tomada_jobs";
constexpr int k_reconnect_ms = 500;
// A connection that is gone without a word is found out by the statement that is sent then.
constexpr int k_check_ms = 10'000;

// libpq itself: libpqxx hands notifications over only between transactions, and only through a receiver object.
using Handle = std::unique_ptr<PGconn, decltype(&PQfinish)>;

bool execute(PGconn* connection, const char* script) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection, script), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
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
    : address_(address), stop_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { work(); }) {
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

void Listener::work() {
  do {
    const Handle connection(PQconnectdb(address_.connection_text.c_str()), &PQfinish);
    if (PQstatus(connection.get()) == CONNECTION_OK && execute(connection.get(), k_listen)) listen(*connection);
  } while (wait(-1, k_reconnect_ms));
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
