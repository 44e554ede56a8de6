// An instance whose plugin runs in a worker.
#pragma once

#include "host/abi/turns.hpp"
#include "host/worker/link.hpp"

#include <memory>
#include <string>

namespace tomada::worker {

/// Made in the worker by the first ready(); its calls take turns here, so that a waiting one costs the worker nothing.
class RemoteInstance final : public abi::Instance {
 public:
  RemoteInstance(std::shared_ptr<Link> link, bool serial, std::string integration_id, std::string config_json);
  ~RemoteInstance() override;

  Result<void> ready(runtime::Task& task) override;
  Result<void> test_connection(runtime::Task& task, abi::Services& services) override;
  Result<void> sync(runtime::Task& task, abi::Services& services, const abi::SyncRequest& request) override;
  Result<void> handle_webhook(runtime::Task& task, abi::Services& services, const abi::Webhook& webhook,
                              bool* began) override;

  [[nodiscard]] std::size_t stack_bytes() const override;  // no frames of the plugin are here
  [[nodiscard]] std::size_t calls_count() const override { return turns_.calls_count(); }
  /// Also when its worker takes no more: the next call gets an instance in another.
  [[nodiscard]] bool broken() const override { return is_broken_ || !link_->usable(); }
  [[nodiscard]] bool is_remote() const override { return true; }
  [[nodiscard]] std::shared_ptr<const abi::Crash> crash() const override { return link_->crash(); }

 private:
  Result<void> call(runtime::Task& task, abi::Services& services, Function function, std::string_view arguments,
                    bool* began);

  std::shared_ptr<Link> link_;  // with the other instances of its worker
  abi::Turns turns_;
  abi::Turns making_{true};
  std::string integration_id_;
  std::string config_json_;
  std::uint64_t number_{0};  // 0: not made yet
  bool is_broken_{false};
};

}  // namespace tomada::worker
