// Old events go: by age, and by the size of what they carry.
#pragma once

#include "host/runtime/loop.hpp"
#include "host/store/webhooks.hpp"

#include <chrono>
#include <cstdint>

namespace tomada::webhook {

struct RetentionOptions {
  std::chrono::hours finished_for{24 * 30};
  std::chrono::hours failed_for{24 * 90};
  std::int64_t payload_bytes_max{std::int64_t{10} * 1024 * 1024 * 1024};
  std::chrono::milliseconds every{std::chrono::hours(1)};
};

/// A duplicate is recognized at least this long, however short events are kept: providers retry for days.
inline constexpr std::chrono::hours k_keys_kept_min{24 * 7};

/// A task of one loop from start() until the loops stop. Outlives it.
class Retention {
 public:
  Retention(runtime::Loop& loop, store::Webhooks& webhooks, RetentionOptions options)
      : loop_(loop), webhooks_(webhooks), options_(options) {}

  void start();  // any thread

 private:
  void run(runtime::Task& task);
  void trim(runtime::Task& task);

  runtime::Loop& loop_;
  store::Webhooks& webhooks_;
  RetentionOptions options_;
};

}  // namespace tomada::webhook
