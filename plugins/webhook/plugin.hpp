// The plugin: each event becomes a record. Who sent it was proved by the host before it was stored.
#pragma once

#include "options.hpp"

#include <tomada/plugin.hpp>

#include <array>
#include <cstddef>

namespace webhook {

inline constexpr std::size_t k_body_bytes_max = 960 * 1024;  // of a record; the host takes 1 MiB in all
inline constexpr std::size_t k_json_levels_max = 60;         // the host takes 64
inline constexpr std::size_t k_headers_max = 32;             // of a record
inline constexpr std::size_t k_header_bytes_max = 512;

class Plugin {
 public:
  static constexpr std::array<std::string_view, 1> k_services{TOMADA_RECORDS_ID};

  explicit Plugin(const tomada::sdk::Setup& setup) { check_config(setup.config_json); }

  void test_connection(tomada::sdk::Call& call);
  void sync(tomada::sdk::Call& call, const tomada::sdk::SyncRequest& request);
  void handle_webhook(tomada::sdk::Call& call, const tomada::sdk::Webhook& webhook);
};

}  // namespace webhook
