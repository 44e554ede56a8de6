// The plugin: lists Stripe's objects, follows their events, and takes webhooks.
#pragma once

#include "api.hpp"

#include <tomada/plugin.hpp>

#include <array>

namespace stripe {

class Plugin {
 public:
  static constexpr std::array<std::string_view, 3> k_services{TOMADA_CLOCK_ID, TOMADA_HTTP_ID, TOMADA_RECORDS_ID};

  explicit Plugin(const tomada::sdk::Setup& setup) : endpoint_(Endpoint::from_config(setup.config_json)) {}

  void test_connection(tomada::sdk::Call& call);
  void sync(tomada::sdk::Call& call, const tomada::sdk::SyncRequest& request);
  void handle_webhook(tomada::sdk::Call& call, const tomada::sdk::Webhook& webhook);

 private:
  Endpoint endpoint_;
};

}  // namespace stripe
