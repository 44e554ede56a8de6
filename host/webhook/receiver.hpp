// The intake: look up, verify, store event and job in one commit, answer.
#pragma once

#include "host/credentials/vault.hpp"
#include "host/jobs/runner.hpp"
#include "host/plugin/registry.hpp"
#include "host/runtime/loop.hpp"
#include "host/runtime/metrics.hpp"
#include "host/service/call_services.hpp"
#include "host/plugin/calls.hpp"
#include "host/store/store.hpp"
#include "host/webhook/receiving.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace tomada::webhook {

struct ReceiverOptions {
  std::string public_url;  // "https://hooks.example.com", no slash at the end
  std::size_t waiting_max{4'096};   // requests whose event is on its way to the disk; more are answered with 503
  std::size_t rejected_max{1'000};  // refused requests kept for each integration
  std::chrono::milliseconds known_for{5'000};       // what is known about an integration is read again after this
  std::chrono::milliseconds inline_timeout{2'500};  // for the plugin's own answer (webhook.reply "inline")
};

class Receiver final : public Receiving {
 public:
  /// All borrowed, outlive it.
  Receiver(runtime::Loops& loops, store::Store& store, credentials::Vault& vault, const plugin::Registry& registry,
           plugin::Calls& calls, service::Environment& environment, jobs::Runner& runner, runtime::Metrics& metrics,
           ReceiverOptions options);
  ~Receiver() override;

  Response receive(runtime::Task& task, std::string_view config_id, const Request& request) override;
  Response receive_for_app(runtime::Task& task, std::string_view app_id, const Request& request) override;
  Result<TestOutcome> test(runtime::Task& task, const store::Integration& integration,
                           std::string_view body_json) override;
  void forget(std::string_view id) override;
  [[nodiscard]] std::string url_of(std::string_view config_id) const override;
  [[nodiscard]] std::string url_of_app(std::string_view app_id) const override;

  /// Before the first request, once the listener has its port (when no public_url is configured).
  void set_public_url(std::string url);

  /// Requests that wait for the disk now: the worker makes room while there are many.
  [[nodiscard]] std::size_t waiting_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::webhook
