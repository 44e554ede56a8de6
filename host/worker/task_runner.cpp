#include "host/runtime/task.hpp"
#include "host/worker/runner.hpp"

#include <new>
#include <string>
#include <unordered_map>
#include <utility>

namespace tomada::worker {
namespace {

using runtime::Deadline;
using runtime::Task;

Error no_host() { return fail(Errc::cancelled, "the host is gone"); }

class TaskLine final : public Line {
 public:
  TaskLine(Task& task, Channel& channel, std::uint64_t call_id, bool& has_ended)
      : task_(task), channel_(channel), call_id_(call_id), has_ended_(has_ended) {}

  Result<std::string> ask(std::string_view body) override {
    if (has_ended_) return no_host();
    runtime::Wait wait(task_);
    waiting_ = &wait;
    channel_.send(Kind::ask, call_id_, body);
    // The host answers always, and at once when the call is over.
    (void)wait.wait(runtime::Interruptible::no);
    return std::move(answer_);
  }
  void note(std::string_view body) override { channel_.send(Kind::note, call_id_, body); }
  Result<void> check() override { return task_.check(); }
  std::chrono::milliseconds remaining() override { return task_.deadline().remaining(task_.clock()); }
  Result<void> sleep(std::chrono::milliseconds duration) override { return runtime::sleep_for(task_, duration); }

  void cancel(Errc reason) { task_.interrupt(reason); }
  void end() {
    has_ended_ = true;
    if (waiting_ == nullptr) return;
    answer_ = no_host();
    std::exchange(waiting_, nullptr)->wake();
  }
  bool answer(std::string_view body) {
    if (waiting_ == nullptr) return false;
    answer_ = std::string(body);
    std::exchange(waiting_, nullptr)->wake();
    return true;
  }

 private:
  Task& task_;
  Channel& channel_;
  const std::uint64_t call_id_;
  runtime::Wait* waiting_{nullptr};
  Result<std::string> answer_{std::string()};
  bool& has_ended_;
};

class TaskRunner final : public Runner {
 public:
  TaskRunner(runtime::Loop& loop, Channel& channel, std::size_t stack_bytes)
      : loop_(loop), channel_(channel), stack_bytes_(stack_bytes) {}

  bool run(std::uint64_t call_id, std::optional<std::chrono::milliseconds> time_left, std::function<void(Line&)> work,
           std::function<void()> done) override {
    const Deadline deadline = time_left ? Deadline::after(loop_.clock(), *time_left) : Deadline::never();
    if (!running_.try_emplace(call_id).second) return false;
    // Not from within the channel's own frame, which would come back to it when the plugin asks.
    loop_.post([this, call_id, deadline, work = std::move(work), done = std::move(done)]() mutable {
      begin(call_id, deadline, std::move(work), std::move(done));
    });
    return true;
  }
  void cancel(std::uint64_t call_id, Errc reason) override {
    const auto found = running_.find(call_id);
    if (found == running_.end()) return;
    if (found->second.line != nullptr)
      found->second.line->cancel(reason);
    else
      found->second.early = reason;
  }
  bool answer(std::uint64_t call_id, std::string_view body) override {
    const auto found = running_.find(call_id);
    return found != running_.end() && found->second.line != nullptr && found->second.line->answer(body);
  }

  void end() override {
    has_ended_ = true;
    for (auto& [id, running] : running_) {
      if (running.line == nullptr) continue;
      running.line->end();
      running.line->cancel(Errc::cancelled);
    }
  }

 private:
  struct Running {
    TaskLine* line{nullptr};      // null: it has not begun
    std::optional<Errc> early{};  // it was cancelled before
  };

  void begin(std::uint64_t call_id, Deadline deadline, std::function<void(Line&)> work, std::function<void()> done) {
    try {
      runtime::spawn("plugin.call", loop_, deadline,
                     [this, call_id, work = std::move(work), done](Task& task) {
                       TaskLine line(task, channel_, call_id, has_ended_);
                       Running& mine = running_.at(call_id);
                       mine.line = &line;
                       if (mine.early) task.interrupt(*mine.early);
                       work(line);
                       running_.erase(call_id);
                       done();
                     },
                     stack_bytes_);
    } catch (const std::bad_alloc&) {
      running_.erase(call_id);
      done();
    }
  }

  runtime::Loop& loop_;
  Channel& channel_;
  const std::size_t stack_bytes_;
  std::unordered_map<std::uint64_t, Running> running_;
  bool has_ended_{false};
};

}  // namespace

std::unique_ptr<Runner> make_task_runner(runtime::Loop& loop, Channel& channel, std::size_t stack_bytes) {
  return std::make_unique<TaskRunner>(loop, channel, stack_bytes);
}

}  // namespace tomada::worker
