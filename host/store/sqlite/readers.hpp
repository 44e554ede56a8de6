// Threads that read, each with its own connection: they see what is committed and never wait for the writer.
#pragma once

#include "host/store/sqlite/connection.hpp"
#include "host/store/sqlite/work.hpp"

#include <memory>
#include <thread>
#include <vector>

namespace tomada::store::sqlite {

/// Each piece of work sees one snapshot.
class Readers {
 public:
  Readers(std::vector<std::unique_ptr<Connection>> connections, std::size_t waiting_max);
  ~Readers();  // does what waits

  [[nodiscard]] bool try_push(Work& work) { return queue_.try_push(work); }

 private:
  void work(Connection& connection);

  std::vector<std::unique_ptr<Connection>> connections_;
  WorkQueue<Work> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace tomada::store::sqlite
