// A plugin whose functions are written in the test: the configuration carries the address of a tomada_test_hooks.
#include "tests/abi/trampoline.hpp"

#include <cstdlib>
#include <cstring>

namespace {

const tomada_host* g_host = nullptr;

tomada_status create(const tomada_host* host, const tomada_create_args* args, void** instance, char* why,
                     uint64_t why_capacity, uint64_t* why_len) {
  static constexpr char k_key[] = "\"hook\":";
  g_host = host;
  const char* const config = args->config_json.ptr;
  for (uint64_t i = 0; i + sizeof k_key < args->config_json.len; ++i) {
    if (std::memcmp(config + i, k_key, sizeof k_key - 1) != 0) continue;
    auto* const hooks = reinterpret_cast<tomada_test_hooks*>(std::strtoull(config + i + sizeof k_key - 1, nullptr, 10));
    *instance = hooks;
    return hooks->create != nullptr ? hooks->create(hooks, host, args, why, why_capacity, why_len) : TOMADA_OK;
  }
  static constexpr char k_why[] = "hook: is missing";
  if (why_capacity >= sizeof k_why) std::memcpy(why, k_why, *why_len = sizeof k_why - 1);
  return TOMADA_E_INVALID_CONFIG;
}

void destroy(void* instance) {
  auto* const hooks = static_cast<tomada_test_hooks*>(instance);
  if (hooks->destroy != nullptr) hooks->destroy(hooks);
}

tomada_status test_connection(void* instance, tomada_call call) {
  auto* const hooks = static_cast<tomada_test_hooks*>(instance);
  return hooks->call(hooks, g_host, call, nullptr);
}

tomada_status sync(void* instance, tomada_call call, const tomada_sync_request* request) {
  auto* const hooks = static_cast<tomada_test_hooks*>(instance);
  return hooks->call(hooks, g_host, call, request);
}

tomada_status handle_webhook(void* instance, tomada_call call, const tomada_webhook* webhook, tomada_reply reply) {
  auto* const hooks = static_cast<tomada_test_hooks*>(instance);
  return hooks->webhook != nullptr ? hooks->webhook(hooks, g_host, call, webhook, reply) : TOMADA_E_UNSUPPORTED;
}

}  // namespace

extern "C" tomada_status tomada_plugin_entry_v1(const tomada_host* host, tomada_plugin* plugin) {
  g_host = host;
  plugin->abi_minor = TOMADA_ABI_MINOR;
  plugin->create = create;
  plugin->destroy = destroy;
  plugin->test_connection = test_connection;
  plugin->sync = sync;
  plugin->handle_webhook = handle_webhook;
  return TOMADA_OK;
}
