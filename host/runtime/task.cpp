#include "host/runtime/task.hpp"

#include <spdlog/spdlog.h>

namespace tomada::runtime {

Task::Task(std::string_view name, Loop& loop, Deadline deadline, Yield yield)
    : name_(name), loop_(loop), deadline_(deadline), yield_(std::move(yield)) {
  loop_.enter(*this);
}

Task::~Task() { loop_.leave(*this); }

void Task::set_deadline(Deadline deadline) {
  deadline_ = deadline_.earlier(deadline);
  deadline_timer_.reset();
}

void Task::replace_deadline(Deadline deadline) {
  deadline_ = deadline;
  deadline_timer_.reset();
}

std::optional<Errc> Task::interruption() const {
  if (interruption_) return interruption_;
  if (!deadline_.is_never() && clock().steady() >= deadline_.at()) return Errc::deadline;
  return std::nullopt;
}

void Task::interrupt(Errc reason) {
  if (interruption_) return;
  interruption_ = reason;
  if (waiting_ != nullptr && waiting_->interruptible_ == Interruptible::yes) resume();
}

Result<void> Task::check() const {
  const auto reason = interruption();
  if (!reason) return {};
  return fail(*reason, *reason == Errc::deadline ? "the deadline of this call has passed" : "the call was cancelled");
}

void Task::suspend() {
  // The timer is started at the first wait: most calls end without one.
  if (!deadline_.is_never() && !deadline_timer_) {
    deadline_timer_.emplace([this] { interrupt(Errc::deadline); });
    deadline_timer_->start(loop_, deadline_.at());
  }
  const ExceptionState state = take_exception_state();
  boost::asio::async_initiate<Yield, void()>([this](Resume handler) { resume_.emplace(std::move(handler)); }, yield_);
  put_exception_state(state);
}

void Task::yield() {
  const ExceptionState state = take_exception_state();
  boost::asio::async_initiate<Yield, void()>(
      [this](Resume handler) {
        resume_.emplace(std::move(handler));
        resume();
      },
      yield_);
  put_exception_state(state);
}

void Task::resume() {
  if (resume_ && !ready_.is_linked()) loop_.make_ready(*this);
}

void Task::enter() {
  Resume handler = std::move(*resume_);
  resume_.reset();
  std::move(handler)();
}

void Wait::wake() {
  if (woken_) return;
  woken_ = true;
  if (task_.waiting_ == this) task_.resume();
}

Result<void> Wait::wait(Interruptible interruptible) {
  interruptible_ = interruptible;
  while (!woken_) {
    if (interruptible == Interruptible::yes)
      if (auto live = task_.check(); live.has_error()) return live;
    TOMADA_ASSERT(task_.waiting_ == nullptr);
    task_.waiting_ = this;
    task_.suspend();
    task_.waiting_ = nullptr;
  }
  return {};
}

Result<void> sleep_for(Task& task, std::chrono::nanoseconds duration) {
  if (duration.count() <= 0) {
    TOMADA_TRY(task.check());
    task.yield();
    return {};
  }
  Wait wait(task);
  Timer timer([&wait] { wait.wake(); });
  timer.start(task.loop(), Deadline::after(task.clock(), duration).at());
  return wait.wait();
}

void report_task_exception(std::string_view name, std::exception_ptr error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    spdlog::error("task {} ended with an exception: {}", name, e.what());
  } catch (...) {
    spdlog::error("task {} ended with an exception of an unknown type", name);
  }
}

}  // namespace tomada::runtime
