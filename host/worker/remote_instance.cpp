#include "host/worker/remote_instance.hpp"

#include "host/worker/arguments.hpp"

#include <utility>

namespace tomada::worker {

RemoteInstance::RemoteInstance(std::shared_ptr<Link> link, bool serial, std::string integration_id,
                               std::string config_json)
    : link_(std::move(link)), turns_(serial), integration_id_(std::move(integration_id)),
      config_json_(std::move(config_json)) {}

RemoteInstance::~RemoteInstance() {
  if (number_ != 0) link_->destroy(number_);
}

Result<void> RemoteInstance::ready(runtime::Task& task) {
  if (number_ != 0) return {};
  TOMADA_TRY_ASSIGN(const abi::Turns::Turn turn, making_.take(task));
  if (number_ != 0) return {};  // made while this one waited
  TOMADA_TRY(link_->ready(task));
  const std::uint64_t number = link_->new_instance();
  auto created = link_->create(task, number, integration_id_, config_json_);
  if (created.has_error()) {
    is_broken_ = true;
    return created;
  }
  number_ = number;
  return {};
}

Result<void> RemoteInstance::call(runtime::Task& task, abi::Services& services, Function function,
                                  std::string_view arguments, bool* began) {
  TOMADA_TRY_ASSIGN(const abi::Turns::Turn turn, turns_.take(task));
  if (is_broken_) return fail(Errc::unavailable, "the instance was given up after a fault of the plugin; try again");
  if (began != nullptr) *began = true;
  Link::Outcome outcome = link_->call(task, services, number_, function, arguments);
  is_broken_ = is_broken_ || outcome.is_broken;
  return std::move(outcome.result);
}

Result<void> RemoteInstance::test_connection(runtime::Task& task, abi::Services& services) {
  return call(task, services, Function::test_connection, {}, nullptr);
}

Result<void> RemoteInstance::sync(runtime::Task& task, abi::Services& services, const abi::SyncRequest& request) {
  std::string arguments;
  Writer writer(arguments);
  put_sync(writer, request);
  return call(task, services, Function::sync, arguments, nullptr);
}

Result<void> RemoteInstance::handle_webhook(runtime::Task& task, abi::Services& services, const abi::Webhook& webhook,
                                            bool* began) {
  if (!link_->handles_webhooks()) return fail(Errc::unsupported, "this plugin handles no webhooks");
  std::string arguments;
  Writer writer(arguments);
  put_webhook(writer, webhook);
  return call(task, services, Function::handle_webhook, arguments, began);
}

std::size_t RemoteInstance::stack_bytes() const { return runtime::k_stack_bytes_default; }

}  // namespace tomada::worker
