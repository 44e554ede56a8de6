#include "host/store/sqlite/readers.hpp"

#include <pthread.h>

#include <utility>

namespace tomada::store::sqlite {

Readers::Readers(std::vector<std::unique_ptr<Connection>> connections, std::size_t waiting_max)
    : connections_(std::move(connections)), queue_(waiting_max) {
  for (auto& connection : connections_) {
    threads_.emplace_back([this, &connection] { work(*connection); });
    pthread_setname_np(threads_.back().native_handle(), "store-reader");
  }
}

Readers::~Readers() {
  queue_.close();
  for (std::thread& thread : threads_) thread.join();
}

void Readers::work(Connection& connection) {
  std::vector<Work*> taken;
  while (queue_.take(taken, 1)) {
    Work& work = *taken.front();
    connection.run("BEGIN");
    if (auto error = connection.take_error())
      work.fail_with(*error);
    else
      work.run(connection);
    connection.run("COMMIT");  // ends the snapshot; it has written nothing
    (void)connection.take_error();
    work.complete();
  }
}

}  // namespace tomada::store::sqlite
