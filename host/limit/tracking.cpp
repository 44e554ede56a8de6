#include "host/limit/tracking.hpp"

#include "host/limit/kept_state.hpp"

#include <spdlog/spdlog.h>

namespace tomada::limit {

void Tracking::start() {
  loop_.post([this] {
    runtime::spawn("limit tracking", loop_, runtime::Deadline::never(), [this](runtime::Task& task) {
      while (runtime::sleep_for(task, k_saved_every).has_value()) save(task);
      save(task);
    }, runtime::k_stack_bytes_max);
  });
}

std::shared_ptr<Member> Tracking::find(std::string_view config_id) {
  const std::lock_guard lock(mutex_);
  const auto found = members_.find(config_id);
  return found == members_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<Member>> Tracking::member(runtime::Task& task, std::string_view key, std::string_view tenant_id,
                                                 std::string_view config_id, const Limits& declared) {
  const auto account = governor_.account(key, declared).account;
  if (auto known = find(config_id); known && known->account == account) {
    account->declare(config_id, declared);
    return known;
  }
  TOMADA_TRY_ASSIGN(const store::RateState state, store_.load(task, tenant_id, config_id));
  auto member = std::make_shared<Member>();
  member->tenant_id = tenant_id;
  member->config_id = config_id;
  member->account = account;
  member->tenant = account->tenant(tenant_id);
  account->declare(config_id, declared);
  const std::lock_guard lock(mutex_);
  const auto known = members_.find(config_id);
  if (known != members_.end() && known->second->account == account) return known->second;  // somebody was faster
  const bool has_moved = known != members_.end();  // to another account: what it sent counted there
  if (members_.size() >= k_members_max)
    std::erase_if(members_, [](const auto& entry) { return entry.second.use_count() == 1 && entry.second->unsaved_count == 0; });
  members_.insert_or_assign(std::string(config_id), member);
  if (!has_moved) account->with([&](Budget& budget, Time) { restore(budget, loop_.clock(), state); });
  return member;
}

void Tracking::save(runtime::Task& task) {
  std::vector<std::shared_ptr<Member>> dirty;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, member] : members_)
      if (member->unsaved_count.load(std::memory_order_relaxed) > 0) dirty.push_back(member);
  }
  for (const auto& member : dirty) save(task, *member);
}

void Tracking::save(runtime::Task& task, Member& member) {
  const std::int64_t count = member.unsaved_count.exchange(0);
  std::vector<store::RateUse> uses;
  std::string learned;
  member.account->with([&](Budget& budget, Time) {
    uses = uses_of(budget, loop_.clock(), count, member.last_request_at_ms.load());
    learned = learned_of(budget, loop_.clock());
  });
  const auto saved = store_.save(task, member.tenant_id, member.config_id, uses, learned, loop_.clock().unix_ms());
  if (saved.has_value()) return;
  if (saved.error().code == Errc::not_found) {  // removed meanwhile
    const std::lock_guard lock(mutex_);
    members_.erase(member.config_id);
    return;
  }
  member.unsaved_count.fetch_add(count);
  spdlog::warn("integration={}: what it sent is not written down, and is tried again: {}", member.config_id, saved.error().message);
}

}  // namespace tomada::limit
