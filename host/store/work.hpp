// A piece of work for the database threads: lives on the stack of the task that waits for it.
#pragma once

#include "host/runtime/task.hpp"

#include <optional>
#include <type_traits>
#include <utility>

namespace tomada::store {

/// `Context` is what the work runs on (a connection, a transaction); `Terms` is what its thread must know beforehand.
template <class Context, class Terms>
class Work {
 public:
  /// Database thread. An error is in the outcome, not left in the context.
  virtual void run(Context& context) = 0;
  [[nodiscard]] virtual const Terms& terms() const = 0;
  [[nodiscard]] virtual bool failed() const = 0;
  /// Replaces the outcome: what run() did is not in effect.
  virtual void fail_with(const Error& error) = 0;
  /// Wakes the task. The work may be gone when this returns.
  virtual void complete() = 0;
  /// The same in two steps, for many at once: the task's loop, and, on its thread, the wake-up.
  [[nodiscard]] virtual runtime::Loop& loop() const = 0;
  virtual void wake() = 0;

 protected:
  ~Work() = default;
};

/// Runs `fn(Context&)`, which returns a Result, and keeps what it returned last.
template <class Context, class Terms, class F>
class Call final : public Work<Context, Terms> {
 public:
  using Outcome = std::invoke_result_t<F&, Context&>;
  Call(runtime::Task& task, F& fn, const Terms& terms) : wait_(task), fn_(fn), terms_(terms) {}

  void run(Context& context) override {
    outcome_.emplace(fn_(context));
    // A failed statement comes first: what `fn` concluded from it is not true.
    if (auto error = context.take_error()) outcome_.emplace(std::move(*error));
  }
  [[nodiscard]] const Terms& terms() const override { return terms_; }
  [[nodiscard]] bool failed() const override { return outcome_->has_error(); }
  void fail_with(const Error& error) override { outcome_.emplace(error); }
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
  const Terms terms_;
  std::optional<Outcome> outcome_;
};

}  // namespace tomada::store
