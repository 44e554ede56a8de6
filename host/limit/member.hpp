// One integration among those that share an account's budget, and what it sent since that was last written down.
#pragma once

#include "host/limit/governor.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace tomada::limit {

/// Thread-safe.
struct Member {
  std::string tenant_id;
  std::string config_id;
  std::shared_ptr<Account> account;
  std::uint32_t tenant{};  // Account::tenant()
  std::atomic<std::int64_t> unsaved_count{0};
  std::atomic<std::int64_t> last_request_at_ms{0};

  void note_sent(std::int64_t now_ms) {
    unsaved_count.fetch_add(1, std::memory_order_relaxed);
    last_request_at_ms.store(now_ms, std::memory_order_relaxed);
  }
};

}  // namespace tomada::limit
