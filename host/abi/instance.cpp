#include "host/abi/plugin.hpp"

#include "host/abi/call.hpp"
#include "host/abi/host_table.hpp"
#include "host/base/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace tomada::abi {
namespace {

/// Calls of one serial instance that may wait for their turn.
constexpr std::size_t k_turns_waiting_max = 10'000;
/// Stacks come in multiples of this, so that a loop keeps few pools.
constexpr std::size_t k_stack_step_bytes = 64 * 1024;
/// Not a status: the plugin's function did not return one.
constexpr tomada_status k_threw = -1;

/// Calls into the plugin. Nothing but a return comes back; `thrown` says what else was tried.
template <class F>
tomada_status guard(std::string& thrown, F&& enter) {
  try {
    return enter();
  } catch (const std::exception& error) {
    thrown = "threw: " + clean_text(error.what(), k_detail_bytes_max);
  } catch (...) {
    thrown = "threw something that is no std::exception";
  }
  return k_threw;
}

}  // namespace

struct Instance::Impl {
  struct Turn : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    explicit Turn(runtime::Task& task) : wait(task) {}
    runtime::Wait wait;
  };

  std::shared_ptr<LoadedPlugin> plugin;  // shared with the registry and other instances
  runtime::Loop& loop;
  void* state{nullptr};
  bool serial{true};
  bool broken{false};
  bool busy{false};  // serial: a call has the turn
  std::size_t calls_count{0};
  std::size_t turns_waiting_count{0};
  boost::intrusive::list<Turn, boost::intrusive::constant_time_size<false>> turns;  // first come, first served

  Impl(std::shared_ptr<LoadedPlugin> loaded, runtime::Loop& home) : plugin(std::move(loaded)), loop(home) {}

  Result<void> take_turn(runtime::Task& task) {
    if (!serial) return {};
    if (!busy) {
      busy = true;
      return {};
    }
    if (turns_waiting_count >= k_turns_waiting_max)
      return fail(Errc::unavailable, "10,000 calls of this integration wait for their turn already");
    Turn turn(task);
    turns.push_back(turn);
    ++turns_waiting_count;
    auto result = turn.wait.wait();
    --turns_waiting_count;
    return result;  // on an error the turn was not given: wake() and the error exclude each other
  }

  void give_turn() {
    if (!serial) return;
    if (turns.empty()) {
      busy = false;
      return;
    }
    Turn& next = turns.front();
    turns.pop_front();
    next.wait.wake();  // `busy` stays: the turn is handed over
  }

  /// One call into the plugin, with its turn, its handle and everything that can go wrong.
  template <class F>
  Result<void> call(runtime::Task& task, Services& services, std::string_view function, F&& enter) {
    TOMADA_ASSERT(&task.loop() == &loop);
    struct Counted {
      std::size_t& count;
      explicit Counted(std::size_t& counter) : count(counter) { ++count; }
      ~Counted() { --count; }
    } counted(calls_count);
    TOMADA_TRY(take_turn(task));
    struct Turned {
      Impl& impl;
      ~Turned() { impl.give_turn(); }
    } turned{*this};
    TOMADA_TRY(task.check());
    if (broken) return fail(Errc::unavailable, "the instance was given up after a fault of the plugin; try again");
    return run_call(services, function, std::forward<F>(enter));
  }

  template <class F>
  Result<void> run_call(Services& services, std::string_view function, F&& enter) {
    Call running(services, plugin->manifest().id);
    if (running.handle() == 0) return fail(Errc::unavailable, "too many calls run on this thread");
    running.table().running = &running;
    std::string thrown;
    const tomada_status status = guard(thrown, [&] { return enter(running); });
    running.table().running = nullptr;
    if (status == TOMADA_OK) [[likely]] return {};
    if (is_known_status(status)) return running.error_of(status, function);
    broken = true;
    const std::string what = thrown.empty() ? "returned the unknown status " + std::to_string(status) : thrown;
    running.misbehaved(std::string(function) + " " + what);
    return fail(Errc::internal, "the plugin's " + std::string(function) + " " + what);
  }
};

Result<std::unique_ptr<Instance>> Instance::create(std::shared_ptr<LoadedPlugin> plugin, runtime::Loop& loop,
                                                   std::string_view integration_id, std::string_view config_json) {
  auto impl = std::make_unique<Impl>(std::move(plugin), loop);
  const LoadedPlugin& loaded = *impl->plugin;
  impl->serial = loaded.manifest().concurrency == Concurrency::serial;
  tomada_create_args args{};
  args.struct_size = sizeof args;
  args.integration_id = slice_of(integration_id);
  args.config_json = slice_of(config_json);
  std::string why(k_detail_bytes_max, '\0');
  std::uint64_t why_len = 0;
  void* state = nullptr;
  std::string thrown;
  const tomada_status status = guard(thrown, [&] {
    return loaded.table().create(&host_table(), &args, &state, why.data(), why.size(), &why_len);
  });
  if (!is_known_status(status)) {
    const std::string what = thrown.empty() ? "returned the unknown status " + std::to_string(status) : thrown;
    spdlog::warn("PLUGIN_MISBEHAVING: plugin {}: create {}", loaded.manifest().id, what);
    return fail(Errc::internal, "the plugin's create " + what);
  }
  if (status != TOMADA_OK) {
    std::string words = clean_text(std::string_view(why).substr(0, std::min<std::uint64_t>(why_len, why.size())),
                                   k_detail_bytes_max);
    if (words.empty()) words = "the plugin gave no reason";
    return fail(static_cast<Errc>(status), std::move(words));
  }
  impl->state = state;
  return std::unique_ptr<Instance>(new Instance(std::move(impl)));
}

Instance::Instance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Instance::~Instance() {
  TOMADA_ASSERT(impl_->calls_count == 0);
  std::string thrown;
  guard(thrown, [&] {
    impl_->plugin->table().destroy(impl_->state);
    return TOMADA_OK;
  });
  if (!thrown.empty())
    spdlog::warn("PLUGIN_MISBEHAVING: plugin {}: destroy {}", impl_->plugin->manifest().id, thrown);
}

Result<void> Instance::test_connection(runtime::Task& task, Services& services) {
  return impl_->call(task, services, "test_connection", [this](Call& call) {
    return impl_->plugin->table().test_connection(impl_->state, call.handle());
  });
}

Result<void> Instance::sync(runtime::Task& task, Services& services, const SyncRequest& request) {
  return impl_->call(task, services, "sync", [&](Call& call) {
    const tomada_sync_request given{sizeof(tomada_sync_request), static_cast<std::uint32_t>(request.mode),
                                    slice_of(request.entity), slice_of(request.since), slice_of(request.resume)};
    return impl_->plugin->table().sync(impl_->state, call.handle(), &given);
  });
}

Result<void> Instance::handle_webhook(runtime::Task& task, Services& services, const Webhook& webhook,
                                      bool* began) {
  if (!impl_->plugin->handles_webhooks()) return fail(Errc::unsupported, "this plugin handles no webhooks");
  return impl_->call(task, services, "handle_webhook", [&](Call& call) {
    if (began != nullptr) *began = true;
    std::vector<tomada_header> headers;
    headers.reserve(webhook.headers.size());
    for (const auto& [name, value] : webhook.headers) headers.push_back({slice_of(name), slice_of(value)});
    const tomada_webhook given{sizeof(tomada_webhook),
                               webhook.attempt,
                               slice_of(webhook.event_id),
                               slice_of(webhook.event_type),
                               headers.data(),
                               headers.size(),
                               slice_of(webhook.body),
                               webhook.received_at_ms};
    // No handle left: nobody can answer, and the provider gets an empty 200.
    const Handle reply = webhook.wants_reply ? call.own(std::make_unique<OwnedReply>(), HandleKind::reply) : 0;
    return impl_->plugin->table().handle_webhook(impl_->state, call.handle(), &given, reply);
  });
}

std::size_t Instance::stack_bytes() const {
  const std::size_t asked = impl_->plugin->manifest().stack_bytes;
  if (asked == 0) return runtime::k_stack_bytes_default;
  return std::min(runtime::k_stack_bytes_max, (asked + k_stack_step_bytes - 1) / k_stack_step_bytes * k_stack_step_bytes);
}

std::size_t Instance::calls_count() const { return impl_->calls_count; }
bool Instance::broken() const { return impl_->broken; }

}  // namespace tomada::abi
