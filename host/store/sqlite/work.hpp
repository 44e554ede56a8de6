// A piece of work for the database threads: lives on the stack of the task that waits for it.
#pragma once

#include "host/runtime/task.hpp"
#include "host/store/sqlite/connection.hpp"

#include <optional>
#include <type_traits>
#include <utility>

namespace tomada::store::sqlite {

class Work {
 public:
  /// Database thread. Leaves no error in the connection.
  virtual void run(Connection& connection) = 0;
  [[nodiscard]] virtual bool failed() const = 0;
  /// Replaces the outcome: what run() did is not in effect.
  virtual void fail_with(const Error& error) = 0;
  /// True: run() fails before its first change, but for what fails the whole group; it needs no savepoint of its own.
  [[nodiscard]] virtual bool is_whole() const = 0;
  /// Wakes the task. The work may be gone when this returns.
  virtual void complete() = 0;
  /// The same in two steps, for many at once: the task's loop, and, on its thread, the wake-up.
  [[nodiscard]] virtual runtime::Loop& loop() const = 0;
  virtual void wake() = 0;

 protected:
  ~Work() = default;
};

/// Runs `fn(Connection&)`, which returns a Result, and keeps what it returned.
template <class F>
class Call final : public Work {
 public:
  using Outcome = std::invoke_result_t<F&, Connection&>;
  Call(runtime::Task& task, F& fn, bool is_whole) : wait_(task), fn_(fn), is_whole_(is_whole) {}

  void run(Connection& connection) override {
    outcome_.emplace(fn_(connection));
    // A failed statement comes first: what `fn` concluded from it is not true.
    if (auto error = connection.take_error()) outcome_.emplace(std::move(*error));
  }
  [[nodiscard]] bool failed() const override { return outcome_->has_error(); }
  void fail_with(const Error& error) override { outcome_.emplace(error); }
  [[nodiscard]] bool is_whole() const override { return is_whole_; }
  void complete() override {
    loop().post([this] { wait_.wake(); });
  }
  [[nodiscard]] runtime::Loop& loop() const override { return wait_.task().loop(); }
  void wake() override { wait_.wake(); }
  /// Not interruptible: the database threads refer to this object until complete().
  Outcome wait() {
    (void)wait_.wait(runtime::Interruptible::no);
    return std::move(*outcome_);
  }

 private:
  runtime::Wait wait_;
  F& fn_;
  bool is_whole_;
  std::optional<Outcome> outcome_;
};

}  // namespace tomada::store::sqlite
