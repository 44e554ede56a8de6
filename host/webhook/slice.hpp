// One holder's turn at an integration's events: takes them in batches, runs calls side by side, keeps subjects in order.
#pragma once

#include "host/plugin/calls.hpp"
#include "host/runtime/metrics.hpp"
#include "host/runtime/task.hpp"
#include "host/store/store.hpp"
#include "host/webhook/hand_over.hpp"
#include "host/webhook/worker.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tomada::webhook {

/* Life: run() enters the integration's loop once; there one task, the coordinator, takes events and keeps up to
 * `running_max` fibers busy, each working chains off. A chain is one event, or all events of one subject in the batch:
 * they run strictly one after the other, and when one must come back the rest of its chain goes back untouched. Everything
 * but run()'s own frame belongs to the integration's loop, so that nothing here is locked. */
class Slice {
 public:
  Slice(store::Webhooks& webhooks, plugin::Calls& calls, runtime::Metrics& metrics,
        const std::function<std::size_t()>& intake_waiting, const WorkerOptions& options, const store::Job& job,
        Target target, bool ordered);
  Slice(const Slice&) = delete;
  Slice& operator=(const Slice&) = delete;

  enum class End {
    nothing_due,
    time_over,     // or interrupted: there may be more
    store_trouble  // take() or finish() failed; what is in hand is for reclaim()
  };
  /// From any loop. An error: the plugin could not be called (gone, or create() refused).
  Result<End> run(runtime::Task& task);
  [[nodiscard]] static std::size_t running_max_of(const abi::Manifest& manifest, const WorkerOptions& options);

  [[nodiscard]] bool saw_unauthenticated() const { return saw_unauthenticated_; }

 private:
  using Chain = std::deque<store::Webhook>;

  bool coordinate(runtime::Task& task, abi::Instance& instance);
  [[nodiscard]] bool wants_more(runtime::Task& task);
  [[nodiscard]] bool is_over(runtime::Task& task) const;
  void take(runtime::Task& task);
  void queue_up(std::vector<store::Webhook> events);
  void start_fibers(runtime::Task& task, abi::Instance& instance);
  void work_chains(runtime::Task& task, abi::Instance& instance);
  void work_chain(runtime::Task& task, abi::Instance& instance, Chain chain);
  bool work_event(runtime::Task& task, abi::Instance& instance, const store::Webhook& event);
  HandedOver hand_to_plugin(runtime::Task& task, abi::Instance& instance, const store::Webhook& event);
  [[nodiscard]] store::WebhookOutcome judge(runtime::Task& task, const store::Webhook& event, HandedOver handed);
  bool keep(runtime::Task& task, store::WebhookOutcome& outcome);
  bool give_back(runtime::Task& task, const store::Webhook& event);
  void wait_for_change(runtime::Task& task);
  void signal();
  void stop_fibers(Errc reason);

  store::Webhooks& webhooks_;
  plugin::Calls& calls_;
  runtime::Metrics& metrics_;
  const std::function<std::size_t()>& intake_waiting_;
  const WorkerOptions& options_;
  const store::Job& job_;
  Target target_;
  bool ordered_;

  runtime::SteadyTime ends_at_{};
  std::deque<Chain> queue_;
  std::list<runtime::Task*> fibers_;
  runtime::Wait* changed_{nullptr};
  bool signalled_{false};
  bool interrupted_{false};
  bool broken_{false};   // the instance
  bool trouble_{false};  // the store
  bool exhausted_{false};
  bool saw_unauthenticated_{false};

  std::size_t running_max_;
  std::size_t fibers_count_{0};   // started and not ended
  std::size_t in_hand_count_{0};  // events taken and not finished

  // The next take.
  std::size_t batch_;
  bool last_full_{false};                   // the last take came back full: there is more
  runtime::SteadyTime last_take_{};
  runtime::SteadyTime poll_at_{};           // after an empty take, while calls run
  runtime::SteadyTime look_again_at_{runtime::SteadyTime::max()};
};

}  // namespace tomada::webhook
