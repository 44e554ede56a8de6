#include "host/abi/in_process_instance.hpp"

#include "host/base/assert.hpp"

#include <algorithm>
#include <utility>

namespace tomada::abi {
namespace {

constexpr std::size_t k_stack_step_bytes = 64 * 1024;

}  // namespace

std::size_t stack_bytes_of(const Manifest& manifest) {
  if (manifest.stack_bytes == 0) return runtime::k_stack_bytes_default;
  return std::min(runtime::k_stack_bytes_max,
                  (manifest.stack_bytes + k_stack_step_bytes - 1) / k_stack_step_bytes * k_stack_step_bytes);
}

Result<std::unique_ptr<InProcessInstance>> InProcessInstance::create(std::shared_ptr<LoadedPlugin> plugin,
                                                                     runtime::Loop& loop, std::string_view integration_id,
                                                                     std::string_view config_json) {
  TOMADA_TRY_ASSIGN(auto raw, RawInstance::create(std::move(plugin), integration_id, config_json));
  return std::unique_ptr<InProcessInstance>(new InProcessInstance(std::move(raw), loop));
}

InProcessInstance::InProcessInstance(std::unique_ptr<RawInstance> raw, runtime::Loop& loop)
    : raw_(std::move(raw)), loop_(loop), turns_(raw_->manifest().concurrency == Concurrency::serial) {}

InProcessInstance::~InProcessInstance() { TOMADA_ASSERT(turns_.calls_count() == 0); }

Result<void> InProcessInstance::test_connection(runtime::Task& task, Services& services) {
  TOMADA_ASSERT(&task.loop() == &loop_);
  TOMADA_TRY_ASSIGN(const Turns::Turn turn, turns_.take(task));
  return raw_->test_connection(services);
}

Result<void> InProcessInstance::sync(runtime::Task& task, Services& services, const SyncRequest& request) {
  TOMADA_ASSERT(&task.loop() == &loop_);
  TOMADA_TRY_ASSIGN(const Turns::Turn turn, turns_.take(task));
  return raw_->sync(services, request);
}

Result<void> InProcessInstance::handle_webhook(runtime::Task& task, Services& services, const Webhook& webhook,
                                               bool* began) {
  TOMADA_ASSERT(&task.loop() == &loop_);
  TOMADA_TRY_ASSIGN(const Turns::Turn turn, turns_.take(task));
  if (began != nullptr) *began = !raw_->broken();
  return raw_->handle_webhook(services, webhook);
}

std::size_t InProcessInstance::stack_bytes() const { return stack_bytes_of(raw_->manifest()); }

}  // namespace tomada::abi
