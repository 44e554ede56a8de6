#include "host/worker/runner.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace tomada::worker {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t k_thread_stack_bytes_min = 1024 * 1024;  // glibc and Go's runtime want room too

class ThreadLine final : public Line {
 public:
  ThreadLine(runtime::Loop& loop, Channel& channel, std::uint64_t call_id, std::optional<milliseconds> time_left)
      : loop_(loop), channel_(channel), call_id_(call_id),
        ends_at_(time_left ? std::chrono::steady_clock::now() + *time_left : SteadyTime::max()) {}

  // On the call's thread.
  Result<std::string> ask(std::string_view body) override {
    std::unique_lock lock(mutex_);
    is_waiting_ = true;
    loop_.post([this, body] { channel_.send(Kind::ask, call_id_, body); });
    changed_.wait(lock, [this] { return answer_.has_value(); });
    return *std::exchange(answer_, std::nullopt);
  }
  void note(std::string_view body) override {
    loop_.post([this, text = std::string(body)] { channel_.send(Kind::note, call_id_, text); });
  }
  Result<void> check() override {
    const std::lock_guard lock(mutex_);
    return state();
  }
  milliseconds remaining() override {
    if (ends_at_ == SteadyTime::max()) return milliseconds::max();
    return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(ends_at_ - std::chrono::steady_clock::now()));
  }
  Result<void> sleep(milliseconds duration) override {
    std::unique_lock lock(mutex_);
    const SteadyTime until = std::min(std::chrono::steady_clock::now() + duration, ends_at_);
    changed_.wait_until(lock, until, [this] { return cancelled_.has_value(); });
    return state();
  }

  // On the loop.
  void cancel(Errc reason) {
    {
      const std::lock_guard lock(mutex_);
      if (!cancelled_) cancelled_ = reason;
    }
    changed_.notify_all();
  }
  bool answer(std::string_view body) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(is_waiting_, false)) return false;
      answer_.emplace(body);
    }
    changed_.notify_all();
    return true;
  }

 private:
  Result<void> state() const {
    if (cancelled_) return fail(*cancelled_, "the call is over");
    if (std::chrono::steady_clock::now() >= ends_at_) return fail(Errc::deadline, "the call's time is over");
    return {};
  }

  runtime::Loop& loop_;
  Channel& channel_;
  const std::uint64_t call_id_;
  const SteadyTime ends_at_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Errc> cancelled_;
  std::optional<std::string> answer_;
  bool is_waiting_{false};
};

class ThreadRunner final : public Runner {
 public:
  ThreadRunner(runtime::Loop& loop, Channel& channel, std::size_t stack_bytes)
      : loop_(loop), channel_(channel), stack_bytes_(std::max(stack_bytes, k_thread_stack_bytes_min)) {}

  bool run(std::uint64_t call_id, std::optional<milliseconds> time_left, std::function<void(Line&)> work,
           std::function<void()> done) override {
    auto call = std::make_unique<OnThread>(OnThread{*this, call_id, std::move(work), std::move(done)});
    // Shared with the loop, which may have something for it at any time until the call is done.
    call->line = std::make_shared<ThreadLine>(loop_, channel_, call_id, time_left);
    lines_.emplace(call_id, call->line);
    pthread_attr_t attributes{};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes_);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread{};
    const bool started = pthread_create(&thread, &attributes, &ThreadRunner::enter, call.get()) == 0;
    pthread_attr_destroy(&attributes);
    if (started)
      (void)call.release();  // the thread's
    else
      lines_.erase(call_id);
    return started;
  }
  void cancel(std::uint64_t call_id, Errc reason) override {
    if (const auto found = lines_.find(call_id); found != lines_.end()) found->second->cancel(reason);
  }
  bool answer(std::uint64_t call_id, std::string_view body) override {
    const auto found = lines_.find(call_id);
    return found != lines_.end() && found->second->answer(body);
  }
  void end() override {}  // the threads end with their process

 private:
  struct OnThread {
    ThreadRunner& runner;
    std::uint64_t call_id;
    std::function<void(Line&)> work;
    std::function<void()> done;
    std::shared_ptr<ThreadLine> line{};
  };

  static void* enter(void* given) {
    std::unique_ptr<OnThread> call(static_cast<OnThread*>(given));
    call->work(*call->line);
    ThreadRunner& runner = call->runner;
    runner.loop_.post([&runner, call_id = call->call_id, line = call->line, done = std::move(call->done)] {
      runner.lines_.erase(call_id);
      done();
    });
    return nullptr;
  }

  runtime::Loop& loop_;
  Channel& channel_;
  const std::size_t stack_bytes_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ThreadLine>> lines_;
};

}  // namespace

std::unique_ptr<Runner> make_thread_runner(runtime::Loop& loop, Channel& channel, std::size_t stack_bytes) {
  return std::make_unique<ThreadRunner>(loop, channel, stack_bytes);
}

}  // namespace tomada::worker
