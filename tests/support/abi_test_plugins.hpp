// The plugins that tests/abi builds, and plugin code written in the test by way of the trampoline.
#pragma once

#include "tests/abi/trampoline.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>

namespace tomada::abi {

inline std::filesystem::path test_plugin(const std::string& name) {
  return std::filesystem::path(TOMADA_TEST_PLUGINS) / name / (name + ".so");
}

/// The service table of `id`; the test ends when there is none.
template <class Table>
const Table& service(const tomada_host& host, std::string_view id) {
  const void* table = nullptr;
  if (host.query_service({id.data(), id.size()}, &table) != TOMADA_OK) std::abort();
  return *static_cast<const Table*>(table);
}

inline tomada_slice text(std::string_view view) { return {view.data(), view.size()}; }

/// The functions of one trampoline instance; lives longer than the instance.
struct PluginCode : tomada_test_hooks {
  std::function<tomada_status(const tomada_host&, tomada_call, const tomada_sync_request*)> on_call;
  std::function<tomada_status(const tomada_host&, tomada_call, const tomada_webhook&, tomada_reply)> on_webhook;
  std::function<tomada_status(const tomada_create_args&, char*, std::uint64_t, std::uint64_t*)> on_create;
  std::atomic<int> creates_count{0};  // from every loop
  std::atomic<int> destroys_count{0};

  PluginCode()
      : tomada_test_hooks{
            [](tomada_test_hooks* hooks, const tomada_host* host, tomada_call handle, const tomada_sync_request* request) {
              return static_cast<PluginCode*>(hooks)->on_call(*host, handle, request);
            },
            [](tomada_test_hooks* hooks, const tomada_host* host, tomada_call handle, const tomada_webhook* given,
               tomada_reply reply) {
              auto& code = *static_cast<PluginCode*>(hooks);
              return code.on_webhook ? code.on_webhook(*host, handle, *given, reply) : tomada_status{TOMADA_E_UNSUPPORTED};
            },
            [](tomada_test_hooks* hooks, const tomada_host*, const tomada_create_args* args, char* why,
               std::uint64_t capacity, std::uint64_t* len) {
              auto& code = *static_cast<PluginCode*>(hooks);
              ++code.creates_count;
              return code.on_create ? code.on_create(*args, why, capacity, len) : tomada_status{TOMADA_OK};
            },
            [](tomada_test_hooks* hooks) { ++static_cast<PluginCode*>(hooks)->destroys_count; }} {}
  PluginCode(const PluginCode&) = delete;
  PluginCode& operator=(const PluginCode&) = delete;

  [[nodiscard]] std::string config() const {
    return "{\"hook\":" + std::to_string(reinterpret_cast<std::uintptr_t>(static_cast<const tomada_test_hooks*>(this))) + "}";
  }
};

}  // namespace tomada::abi
