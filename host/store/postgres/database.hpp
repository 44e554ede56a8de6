// The two ways into the database for the parts of the store: write and read.
#pragma once

#include "host/store/postgres/lanes.hpp"

#include <string_view>
#include <thread>
#include <vector>

namespace tomada::store::postgres {

/// Threads with a session each, and one queue before them.
class Sessions {
 public:
  Sessions(const char* thread_name, const Address& address, Session::Options options, Stop& stop, std::size_t count,
           std::size_t waiting_max);
  ~Sessions();  // does what waits
  [[nodiscard]] bool try_push(Work& work) { return lanes_.try_push(work); }

 private:
  void work(Session& session);

  Lanes lanes_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::thread> threads_;
};

/* Any loop. Both suspend the task, not interruptibly; `fn(Connection&)` runs on a database thread inside a transaction,
 * may refer to the task's stack, may run more than once (it starts anew each time), and returns a Result.
 * `tenant_id` empty: the operator's and the runner's questions, which see every tenant. */
class Database {
 public:
  Database(Sessions& writers, Sessions& readers) : writers_(writers), readers_(readers) {}

  /// Durable when it returns without an error; an error means that nothing was written (but see Session).
  template <class F>
  std::invoke_result_t<F&, Connection&> write(runtime::Task& task, std::string_view tenant_id, F fn) {
    return submit(task, fn, writers_, {.tenant_id = tenant_id, .access = Access::write});
  }
  /// The same for the many small writes of one integration that lock the same row: those that wait become one transaction.
  /// One that fails has failed alone.
  template <class F>
  std::invoke_result_t<F&, Connection&> write_together(runtime::Task& task, std::string_view tenant_id,
                                                       std::string_view config_id, F fn) {
    return submit(task, fn, writers_, {.tenant_id = tenant_id, .access = Access::write, .lane = config_id});
  }
  /// One snapshot for each read.
  template <class F>
  std::invoke_result_t<F&, Connection&> read(runtime::Task& task, std::string_view tenant_id, F fn) {
    return submit(task, fn, readers_, {.tenant_id = tenant_id, .access = Access::read});
  }

 private:
  template <class F>
  static std::invoke_result_t<F&, Connection&> submit(runtime::Task& task, F& fn, Sessions& sessions, Terms terms) {
    Call<Connection, Terms, F> call(task, fn, terms);
    if (!sessions.try_push(call)) return fail(Errc::unavailable, "too much work waits for the database; try again");
    return call.wait();
  }

  Sessions& writers_;
  Sessions& readers_;
};

/// For statements that name the host's own scope.
inline constexpr std::string_view k_every_tenant{};

}  // namespace tomada::store::postgres
