// Webhooks of many senders, one statement: what waits while a commit runs becomes the next one.
#pragma once

#include "host/store/postgres/session.hpp"
#include "host/store/webhooks.hpp"
#include "host/store/work.hpp"
#include "host/store/work_queue.hpp"

#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace tomada::store::postgres {

/// A statement takes what waits, but not more than this: the first in it waits for the last.
inline constexpr std::size_t k_intake_calls_max = 1024;
inline constexpr std::size_t k_intake_bytes_max = 16 * 1024 * 1024;

class Intake {
 public:
  Intake(const Address& address, Session::Options options, Stop& stop, std::size_t threads_count, std::size_t waiting_max);
  ~Intake();  // does what waits

  /// Suspends, not interruptibly. See Webhooks::accept.
  Result<Acceptance> accept(runtime::Task& task, std::span<const NewWebhook> events);

  class Group;  // what one statement does

 private:
  void work(Session& session);

  WorkQueue<store::Work<Group, Terms>> queue_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::thread> threads_;
};

}  // namespace tomada::store::postgres
