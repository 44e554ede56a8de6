#include "host/runtime/loop.hpp"

#include "host/base/assert.hpp"
#include "host/runtime/task.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace tomada::runtime {

namespace {

// Tasks that make each other ready go on this many times before the loop looks at sockets and other threads again: one
// look costs more than a resumption.
constexpr int k_ready_rounds_max = 16;

}  // namespace

struct Loop::Tasks {
  using Ready = boost::intrusive::list<
      Task, boost::intrusive::member_hook<Task, boost::intrusive::list_member_hook<>, &Task::ready_>,
      boost::intrusive::constant_time_size<false>>;
  boost::intrusive::list<Task, boost::intrusive::constant_time_size<false>> list;
  Ready ready;
};

void Timer::start(Loop& loop, SteadyTime due) {
  cancel();
  due_ = due;
  loop.timers_.insert(*this);
  loop.arm();
}

Loop::Loop(const Clock& clock, std::size_t index)
    : clock_(clock), index_(index), work_(io_.get_executor()), timer_(io_), tasks_(std::make_unique<Tasks>()) {}

Loop::~Loop() {
  TOMADA_ASSERT(tasks_count_ == 0);
  timers_.clear();
}

void Loop::run() {
  thread_ = std::this_thread::get_id();
  io_.run();
}

void Loop::run_until(const std::function<bool()>& done) {
  thread_ = std::this_thread::get_id();
  io_.restart();
  while (!done()) {
    fire_due();
    if (!done()) io_.run_one();
  }
}

bool Loop::run_ready() {
  thread_ = std::this_thread::get_id();
  io_.restart();
  const std::size_t handled = io_.poll();
  return handled + fire_due() != 0;
}

void Loop::stop() { io_.stop(); }

StackPool& Loop::stacks(std::size_t stack_bytes) {
  for (auto& pool : stacks_)
    if (pool->stack_bytes() == stack_bytes) return *pool;
  return *stacks_.emplace_back(std::make_unique<StackPool>(stack_bytes));
}

void Loop::enter(Task& task) {
  tasks_->list.push_back(task);
  ++tasks_count_;
}

void Loop::leave(Task& task) {
  tasks_->list.erase(tasks_->list.iterator_to(task));
  --tasks_count_;
}

void Loop::make_ready(Task& task) {
  tasks_->ready.push_back(task);
  if (std::exchange(ready_posted_, true)) return;
  post([this] { run_ready_tasks(); });
}

void Loop::run_ready_tasks() {
  for (int round = 0; round < k_ready_rounds_max && !tasks_->ready.empty(); ++round) {
    Tasks::Ready now;
    now.swap(tasks_->ready);
    while (!now.empty()) {
      Task& task = now.front();
      now.pop_front();
      task.enter();  // may end it
    }
  }
  ready_posted_ = !tasks_->ready.empty();
  if (ready_posted_) post([this] { run_ready_tasks(); });
}

void Loop::cancel_tasks() {
  for (auto& task : tasks_->list) task.interrupt(Errc::cancelled);
}

void Loop::arm() {
  if (timers_.empty() || clock_.manual()) return;
  const SteadyTime due = timers_.begin()->due_;
  if (due >= armed_) return;  // an earlier one is armed and will look again
  armed_ = due;
  timer_.expires_at(due);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // moved to an earlier time
    armed_ = SteadyTime::max();
    fire_due();
    arm();
  });
}

std::size_t Loop::fire_due() {
  std::size_t fired_count = 0;
  while (!timers_.empty()) {
    Timer& next = *timers_.begin();
    if (next.due_ > clock_.steady()) break;
    next.unlink();
    ++fired_count;
    next.fire_();  // may destroy the timer
  }
  return fired_count;
}

Loops::Loops(const Clock& clock, std::size_t count) {
  TOMADA_ASSERT(count > 0);
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>(clock, i));
}

Loops::~Loops() { stop(); }

void Loops::start() {
  for (auto& loop : loops_) threads_.emplace_back([&loop] { loop->run(); });
}

void Loops::stop() {
  if (threads_.empty()) return;
  for (auto& loop : loops_) {
    // Tasks on one loop may wait for work of another: cancel on all, then wait for each.
    loop->post([&loop = *loop] { loop.cancel_tasks(); });
  }
  for (auto& loop : loops_) {
    std::mutex mutex;
    std::condition_variable empty;
    bool done = false;
    std::function<void()> look = [&] {
      if (loop->tasks_count() == 0) {
        const std::lock_guard lock(mutex);
        done = true;
        empty.notify_one();
        return;
      }
      loop->cancel_tasks();  // those that were born meanwhile
      loop->post([&look] { look(); });
    };
    loop->post([&look] { look(); });
    std::unique_lock lock(mutex);
    empty.wait(lock, [&] { return done; });
  }
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace tomada::runtime
