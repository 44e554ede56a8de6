#include "host/store/postgres/database.hpp"

#include "host/store/work_queue.hpp"

#include <pthread.h>

#include <span>
#include <string>

namespace tomada::store::postgres {
namespace {

/// Of a lane, in one transaction: the first in it waits for the last.
constexpr std::size_t k_together_max = 128;

/// One transaction, of one tenant. False: one of the works failed, which is its outcome, and nothing of any was written.
bool run(Session& session, std::span<Work* const> works) {
  bool has_failed = false;
  const auto error = session.transact(works.front()->terms(), [&](Connection& connection) {
    has_failed = false;
    for (Work* const work : works) {
      work->run(connection);
      has_failed = work->failed();
      if (has_failed) return false;
    }
    return true;
  });
  if (error)
    for (Work* const work : works) work->fail_with(*error);
  // Not to be had now, for whomever.
  return !has_failed && (!error || error->code == Errc::unavailable);
}

}  // namespace

Sessions::Sessions(const char* thread_name, const Address& address, Session::Options options, Stop& stop,
                   std::size_t count, std::size_t waiting_max)
    : lanes_(waiting_max) {
  for (std::size_t i = 0; i < count; ++i) {
    Session& session = *sessions_.emplace_back(std::make_unique<Session>(address, options, stop));
    threads_.emplace_back([this, &session] { work(session); });
    pthread_setname_np(threads_.back().native_handle(), thread_name);
  }
}

Sessions::~Sessions() {
  lanes_.close();
  for (std::thread& thread : threads_) thread.join();
}

void Sessions::work(Session& session) {
  std::vector<Work*> taken;
  while (lanes_.take(taken, k_together_max)) {
    const std::string lane = lane_of(taken.front()->terms());
    if (!run(session, taken) && taken.size() > 1)
      for (Work* const work : taken) run(session, {&work, 1});
    wake_all<Work>(taken);
    lanes_.leave(lane);
  }
}

}  // namespace tomada::store::postgres
