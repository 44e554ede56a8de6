// Members of budgets, and the task that writes down every few seconds what they sent and learned.
#pragma once

#include "host/limit/member.hpp"
#include "host/store/limits.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::limit {

/// A process that is killed forgets at most this much of what it sent.
inline constexpr std::chrono::milliseconds k_saved_every{5'000};

/// Thread-safe. A task of `loop` from start() until the loops stop; the rest is written then. All given is borrowed.
class Tracking {
 public:
  Tracking(Governor& governor, store::Limits& store, runtime::Loop& loop) : governor_(governor), store_(store), loop_(loop) {}

  void start();  // any thread

  /// The integration as a member of the account `key`, whose limits it declares. The first time, what the store has of the
  /// integration is added to the account's budget.
  Result<std::shared_ptr<Member>> member(runtime::Task& task, std::string_view key, std::string_view tenant_id,
                                         std::string_view config_id, const Limits& declared);
  /// For people: nothing when the integration sent nothing since the start and nothing is kept of it.
  [[nodiscard]] std::shared_ptr<Member> find(std::string_view config_id);
  /// Writes down what is new.
  void save(runtime::Task& task);

 private:
  static constexpr std::size_t k_members_max = 100'000;
  void save(runtime::Task& task, Member& member);

  Governor& governor_;
  store::Limits& store_;
  runtime::Loop& loop_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Member>, std::less<>> members_;  // by integration
};

}  // namespace tomada::limit
