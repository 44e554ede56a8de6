#include "host/store/postgres/database.hpp"

#include <pthread.h>

namespace tomada::store::postgres {

Sessions::Sessions(const char* thread_name, const Address& address, Session::Options options, Stop& stop,
                   std::size_t count, std::size_t waiting_max)
    : queue_(waiting_max) {
  for (std::size_t i = 0; i < count; ++i) {
    Session& session = *sessions_.emplace_back(std::make_unique<Session>(address, options, stop));
    threads_.emplace_back([this, &session] { work(session); });
    pthread_setname_np(threads_.back().native_handle(), thread_name);
  }
}

Sessions::~Sessions() {
  queue_.close();
  for (std::thread& thread : threads_) thread.join();
}

void Sessions::work(Session& session) {
  std::vector<Work*> taken;
  while (queue_.take(taken, 1)) {
    Work& work = *taken.front();
    const auto error = session.transact(work.terms(), [&work](Connection& connection) {
      work.run(connection);
      return !work.failed();
    });
    if (error) work.fail_with(*error);
    work.complete();
  }
}

}  // namespace tomada::store::postgres
