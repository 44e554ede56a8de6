// An instance in the host's own process: fast, and trusted with all of its memory.
#pragma once

#include "host/abi/raw_instance.hpp"
#include "host/abi/turns.hpp"

#include <memory>
#include <string_view>

namespace tomada::abi {

class InProcessInstance final : public Instance {
 public:
  /// INVALID_CONFIG with the plugin's own words.
  static Result<std::unique_ptr<InProcessInstance>> create(std::shared_ptr<LoadedPlugin> plugin, runtime::Loop& loop,
                                                           std::string_view integration_id, std::string_view config_json);
  ~InProcessInstance() override;

  Result<void> ready(runtime::Task&) override { return {}; }
  Result<void> test_connection(runtime::Task& task, Services& services) override;
  Result<void> sync(runtime::Task& task, Services& services, const SyncRequest& request) override;
  Result<void> handle_webhook(runtime::Task& task, Services& services, const Webhook& webhook, bool* began) override;

  [[nodiscard]] std::size_t stack_bytes() const override;
  [[nodiscard]] std::size_t calls_count() const override { return turns_.calls_count(); }
  [[nodiscard]] bool broken() const override { return raw_->broken(); }

 private:
  InProcessInstance(std::unique_ptr<RawInstance> raw, runtime::Loop& loop);

  std::unique_ptr<RawInstance> raw_;
  runtime::Loop& loop_;
  Turns turns_;
};

/// What a call of this plugin needs for its own frames: a multiple of 64 KiB, so that a loop keeps few pools.
std::size_t stack_bytes_of(const Manifest& manifest);

}  // namespace tomada::abi
