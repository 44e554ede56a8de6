// The two ways into the database file for the parts of the store: write and read.
#pragma once

#include "host/store/sqlite/readers.hpp"
#include "host/store/sqlite/writer.hpp"

namespace tomada::store::sqlite {

/// Any loop. Both suspend the task, not interruptibly; `fn(Connection&)` runs on a database thread meanwhile, may refer
/// to the task's stack, and returns a Result.
class Database {
 public:
  Database(Writer& writer, Readers& readers) : writer_(writer), readers_(readers) {}

  /// Durable when it returns without an error; an error of any kind means that nothing was written.
  template <class F>
  std::invoke_result_t<F&, Connection&> write(runtime::Task& task, F fn) {
    return submit(task, fn, writer_, {});
  }
  /// The same without a savepoint, which costs more than the rows of a small write: for an `fn` that returns its own
  /// errors before its first change. Should a statement fail after that, the whole group is undone and UNAVAILABLE.
  template <class F>
  std::invoke_result_t<F&, Connection&> write_whole(runtime::Task& task, F fn) {
    return submit(task, fn, writer_, {.is_whole = true});
  }
  template <class F>
  std::invoke_result_t<F&, Connection&> read(runtime::Task& task, F fn) {
    return submit(task, fn, readers_, {});
  }

 private:
  template <class F, class Queue>
  static std::invoke_result_t<F&, Connection&> submit(runtime::Task& task, F& fn, Queue& queue, Terms terms) {
    Call<Connection, Terms, F> call(task, fn, terms);
    if (!queue.try_push(call)) return fail(Errc::unavailable, "too much work waits for the database; try again");
    return call.wait();
  }

  Writer& writer_;
  Readers& readers_;
};

}  // namespace tomada::store::sqlite
