// All of the C++ glue. A plugin is a class and one line:
//
//   class MyPlugin {
//    public:
//     explicit MyPlugin(const tomada::sdk::Setup& setup);              // parse the configuration; no I/O
//     void test_connection(tomada::sdk::Call& call);
//     void sync(tomada::sdk::Call& call, const tomada::sdk::SyncRequest& request);
//     void handle_webhook(tomada::sdk::Call&, const tomada::sdk::Webhook&);  // only when it has webhooks; with a third
//                                      // parameter tomada::sdk::Reply& when it answers providers that wait
//     static constexpr std::string_view k_services[] = {TOMADA_HTTP_ID, ...};  // optional: refuse early without them
//   };
//   TOMADA_PLUGIN(MyPlugin)
//
// Functions come back normally when they succeeded and throw a Failure when they did not. Any other exception is a bug
// of the plugin: TOMADA_E_INTERNAL with its text. Nothing thrown leaves the plugin.
// All state lives in the object: one for each integration of each tenant, no globals.
#pragma once

#include "tomada/call.hpp"
#include "tomada/reply.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

namespace tomada::sdk {

/// What an instance is made from; the texts live until the constructor returns.
struct Setup {
  std::string_view integration_id;
  std::string_view config_json;  // an object, already checked against the manifest's config schema
};

/// The texts live until sync() returns.
struct SyncRequest {
  bool full{};              // see everything; else what changed since `since`
  std::string_view entity;  // one of the manifest's
  std::string_view since;   // what the last completed run passed to Records::complete(); empty the first time
  std::string_view resume;  // the last checkpoint of this same run after an interruption; empty on a fresh start
};

/// The texts live until handle_webhook() returns.
struct Webhook {
  std::uint32_t attempt{};  // 1 the first time
  std::string_view event_id;
  std::string_view event_type;
  std::span<const tomada_header> headers;
  std::string_view body;  // the raw bytes as received
  tomada_unix_ms received_at_ms{};
};

/// The C functions for one plugin class.
template <class Plugin>
class Entry {
 public:
  static tomada_status fill(const tomada_host* host, tomada_plugin* plugin) noexcept {
    if (host == nullptr || plugin == nullptr) return TOMADA_E_INVALID_DATA;
    auto table = make<tomada_plugin>();
    table.abi_minor = TOMADA_ABI_MINOR;
    table.create = create;
    table.destroy = destroy;
    table.test_connection = test_connection;
    table.sync = sync;
    if constexpr (k_has_webhooks) table.handle_webhook = handle_webhook;
    // The host sets the size of its struct, an older one may be shorter.
    const std::uint32_t size = std::min<std::uint32_t>(plugin->struct_size, sizeof table);
    table.struct_size = plugin->struct_size;
    std::memcpy(plugin, &table, size);
    return TOMADA_OK;
  }

 private:
  struct Instance {
    Services services;
    Plugin plugin;
  };

  static constexpr bool k_replies =
      requires(Plugin & plugin, Call& call, const Webhook& webhook, Reply& reply) {
        plugin.handle_webhook(call, webhook, reply);
      };
  static constexpr bool k_has_webhooks = k_replies || requires(Plugin & plugin, Call& call, const Webhook& webhook) {
    plugin.handle_webhook(call, webhook);
  };

  static tomada_status create(const tomada_host* host, const tomada_create_args* args, void** instance, char* why,
                              std::uint64_t why_capacity, std::uint64_t* why_len) noexcept {
    const auto explain = [&](tomada_status status, std::string_view text) {
      *why_len = std::min<std::uint64_t>(text.size(), why_capacity);
      std::memcpy(why, text.data(), static_cast<std::size_t>(*why_len));
      return status;
    };
    try {
      const Services services = Services::find(*host);
      Services::need(services.call, TOMADA_CALL_ID);
      if constexpr (requires { Plugin::k_services; })
        for (const std::string_view id : Plugin::k_services) need_by_id(*host, id);
      const Setup setup{view(args->integration_id), view(args->config_json)};
      *instance = new Instance{services, Plugin(setup)};
      return TOMADA_OK;
    } catch (const Failure& failure) {
      return explain(failure.status(), failure.message());
    } catch (const std::exception& error) {
      return explain(TOMADA_E_INTERNAL, error.what());
    } catch (...) {
      return explain(TOMADA_E_INTERNAL, "the plugin threw something that is not a std::exception");
    }
  }

  static void need_by_id(const tomada_host& host, std::string_view id) {
    const void* table = nullptr;
    if (host.query_service(slice(id), &table) != TOMADA_OK) table = nullptr;
    Services::need(static_cast<const char*>(table), id);
  }

  static void destroy(void* instance) noexcept { delete static_cast<Instance*>(instance); }

  static tomada_status test_connection(void* instance, tomada_call call) noexcept {
    return guard(instance, call, [](Plugin& plugin, Call& in) { plugin.test_connection(in); });
  }

  static tomada_status sync(void* instance, tomada_call call, const tomada_sync_request* request) noexcept {
    return guard(instance, call, [&](Plugin& plugin, Call& in) {
      if (request->mode != TOMADA_SYNC_FULL && request->mode != TOMADA_SYNC_INCREMENTAL)
        throw Failure(TOMADA_E_UNSUPPORTED, "an unknown sync mode");
      plugin.sync(in, SyncRequest{.full = request->mode == TOMADA_SYNC_FULL,
                                  .entity = view(request->entity),
                                  .since = view(request->since),
                                  .resume = view(request->resume)});
    });
  }

  static tomada_status handle_webhook(void* instance, tomada_call call, const tomada_webhook* webhook,
                                      tomada_reply handle) noexcept {
    return guard(instance, call, [&](Plugin& plugin, Call& in) {
      [[maybe_unused]] const Webhook given{.attempt = webhook->attempt,
                                           .event_id = view(webhook->event_id),
                                           .event_type = view(webhook->event_type),
                                           .headers = {webhook->headers, webhook->headers_count},
                                           .body = view(webhook->body),
                                           .received_at_ms = webhook->received_at_ms};
      [[maybe_unused]] Reply reply(static_cast<Instance*>(instance)->services.reply, call, handle);
      if constexpr (k_replies)
        plugin.handle_webhook(in, given, reply);
      else if constexpr (k_has_webhooks)
        plugin.handle_webhook(in, given);
    });
  }

  /// Runs `body`; what it throws becomes the call's status and detail.
  template <class F>
  static tomada_status guard(void* instance, tomada_call handle, F&& body) noexcept {
    auto& self = *static_cast<Instance*>(instance);
    Call call(self.services, handle);
    try {
      body(self.plugin, call);
      return TOMADA_OK;
    } catch (const Failure& failure) {
      return report(self, handle, failure.status(), failure.message(), &failure);
    } catch (const std::exception& error) {
      return report(self, handle, TOMADA_E_INTERNAL, error.what(), nullptr);
    } catch (...) {
      return report(self, handle, TOMADA_E_INTERNAL, "the plugin threw something that is not a std::exception",
                    nullptr);
    }
  }

  // call->fail() never waits, so it may be called inside a catch block.
  static tomada_status report(const Instance& self, tomada_call handle, tomada_status status, std::string_view message,
                              const Failure* detail) noexcept {
    if (message.empty()) return status;  // the host's own detail stands
    auto error = make<tomada_error>();
    error.message = slice(message);
    if (detail != nullptr) {
      error.http_status = detail->http_status();
      error.provider_code = slice(detail->provider_code());
      error.retry_after_ms = detail->retry_after_ms();
    }
    (void)self.services.call->fail(handle, status, &error);
    return status;
  }
};

}  // namespace tomada::sdk

/// The one exported function. Once in each plugin, outside of every namespace.
#define TOMADA_PLUGIN(PluginClass)                                                                                \
  extern "C" TOMADA_EXPORT tomada_status tomada_plugin_entry_v1(const tomada_host* host, tomada_plugin* plugin) { \
    return ::tomada::sdk::Entry<PluginClass>::fill(host, plugin);                                                 \
  }
