#include "host/worker/server.hpp"

#include "host/abi/raw_instance.hpp"
#include "host/worker/arguments.hpp"
#include "host/worker/remote_services.hpp"
#include "host/worker/runner.hpp"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tomada::worker {
namespace {

std::string body_of(const Result<void>& result) {
  std::string body;
  Writer writer(body);
  writer.put(static_cast<std::uint8_t>(result.has_value() ? 1 : 0));
  if (result.has_error()) writer.put(result.error());
  return body;
}

Error no_room() { return fail(Errc::unavailable, "no memory or no thread for another call in the plugin's process"); }

Error nonsense(std::string_view what) { return fail(Errc::invalid_data, "the host sent " + std::string(what)); }

}  // namespace

struct Server::Impl {
  using Instances = std::unordered_map<std::uint64_t, std::shared_ptr<abi::RawInstance>>;

  Impl(runtime::Loop& home, int socket, Server& server, std::vector<std::string> names, std::function<void(const Error&)> at_end)
      : loop(home), channel(home, socket, server), entities(std::move(names)), ended(std::move(at_end)) {}

  Result<void> create(std::uint64_t id, std::string_view body);
  Result<void> destroy(std::uint64_t id);
  Result<void> call(std::uint64_t id, std::string_view body);
  Result<void> cancel(std::uint64_t id, std::string_view body);

  runtime::Loop& loop;
  Channel channel;
  const std::vector<std::string> entities;  // of the manifest
  std::function<void(const Error&)> ended;
  std::shared_ptr<abi::LoadedPlugin> plugin;
  std::unique_ptr<Runner> runner;
  Instances instances;  // shared with their calls
};

Server::Server(runtime::Loop& loop, int socket, const Start& start, Result<Loaded> loaded,
               std::function<void(const Error&)> ended)
    : impl_(std::make_unique<Impl>(loop, socket, *this, start.entities, std::move(ended))) {
  const auto stack_bytes = static_cast<std::size_t>(start.stack_bytes);
  impl_->runner = start.own_threads ? make_thread_runner(loop, impl_->channel, stack_bytes)
                                    : make_task_runner(loop, impl_->channel, stack_bytes);
  std::string said = body_of(loaded.has_value() ? Result<void>() : Result<void>(loaded.error()));
  if (loaded.has_value()) {
    impl_->plugin = std::move(loaded->plugin);
    Writer(said).put(static_cast<std::uint8_t>(impl_->plugin->handles_webhooks() ? 1 : 0)).put(std::string_view(loaded->protections));
  }
  impl_->channel.start();
  impl_->channel.send(Kind::ready, 0, said);
}
Server::~Server() = default;

Result<void> Server::received(Kind kind, std::uint64_t id, std::string_view body) {
  switch (kind) {
    case Kind::create: return impl_->create(id, body);
    case Kind::destroy: return impl_->destroy(id);
    case Kind::call: return impl_->call(id, body);
    case Kind::cancel: return impl_->cancel(id, body);
    case Kind::answer:
      if (!impl_->runner->answer(id, body)) return nonsense("an answer that nobody waits for");
      return {};
    default: return nonsense("a message that is not for a worker");
  }
}

void Server::closed(const Error& why) {
  impl_->runner->end();
  impl_->ended(why);
}

Result<void> Server::Impl::create(std::uint64_t id, std::string_view body) {
  Reader reader(body);
  std::string integration_id(reader.text());
  std::string config_json(reader.text());
  if (!reader.complete() || plugin == nullptr) return nonsense("a torn create");
  // Instances and calls have their ids from one counter.
  auto made = std::make_shared<Result<void>>(no_room());
  const bool began = runner->run(
      id, std::nullopt,
      [this, id, made, integration_id = std::move(integration_id), config_json = std::move(config_json)](Line&) {
        auto instance = abi::RawInstance::create(plugin, integration_id, config_json);
        if (instance.has_error())
          *made = std::move(instance).error();
        else
          *made = {}, loop.post([this, id, kept = std::shared_ptr(std::move(*instance))] { instances.emplace(id, kept); });
      },
      [this, id, made] { channel.send(Kind::created, id, body_of(*made)); });
  if (!began) channel.send(Kind::created, id, body_of(no_room()));
  return {};
}

Result<void> Server::Impl::destroy(std::uint64_t id) {
  const auto found = instances.find(id);
  if (found == instances.end()) return {};  // it was refused
  auto instance = std::move(found->second);
  instances.erase(found);
  // The plugin's destroy() wants the plugin's stack.
  auto last = std::make_shared<std::shared_ptr<abi::RawInstance>>(std::move(instance));
  (void)runner->run(id, std::nullopt, [last](Line&) { last->reset(); }, [] {});
  return {};
}

Result<void> Server::Impl::call(std::uint64_t id, std::string_view body) {
  Reader reader(body);
  const auto found = instances.find(reader.get<std::uint64_t>());
  const auto function = reader.get<Function>();
  const auto time_left_ms = reader.get<std::int64_t>();
  if (!reader.good() || found == instances.end()) return nonsense("a call of no instance");
  std::optional<std::chrono::milliseconds> time_left;
  if (time_left_ms >= 0) time_left = std::chrono::milliseconds(time_left_ms);
  struct Running {
    std::shared_ptr<abi::RawInstance> instance;
    std::string message;
    Result<void> result;
  };
  auto running = std::make_shared<Running>(Running{found->second, std::string(body), no_room()});
  const bool began = runner->run(
      id, time_left,
      [this, running, function](Line& line) {
        Reader arguments(running->message);
        (void)arguments.get<std::uint64_t>(), (void)arguments.get<Function>(), (void)arguments.get<std::int64_t>();
        RemoteServices services(line, arguments);
        switch (function) {
          case Function::test_connection: running->result = running->instance->test_connection(services); return;
          case Function::sync: {
            const abi::SyncRequest request = get_sync(arguments);
            services.take_records(entities, request.mode == abi::SyncMode::full ? request.entity : "");
            running->result = running->instance->sync(services, request);
            return;
          }
          case Function::handle_webhook:
            services.take_records(entities, "");
            running->result = running->instance->handle_webhook(services, get_webhook(arguments));
            return;
        }
        running->result = fail(Errc::unsupported, "the plugin has no such function");
      },
      [this, id, running] {
        std::string said = body_of(running->result);
        Writer(said).put(static_cast<std::uint8_t>(running->instance->broken() ? 1 : 0));
        channel.send(Kind::ended, id, said);
      });
  if (!began) {
    std::string said = body_of(no_room());
    Writer(said).put(std::uint8_t{0});
    channel.send(Kind::ended, id, said);
  }
  return {};
}

Result<void> Server::Impl::cancel(std::uint64_t id, std::string_view body) {
  Reader reader(body);
  const auto reason = reader.get<Errc>();
  if (!reader.complete() || (reason != Errc::cancelled && reason != Errc::deadline)) return nonsense("a torn cancel");
  runner->cancel(id, reason);
  return {};
}

}  // namespace tomada::worker
