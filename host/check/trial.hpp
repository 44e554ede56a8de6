// Runs jobs on a plugin: in this process, or in a worker.
#pragma once

#include "host/abi/plugin.hpp"
#include "host/check/observation.hpp"
#include "host/check/provider.hpp"
#include "host/check/recording.hpp"
#include "host/runtime/task.hpp"
#include "host/worker/link.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tomada::check {

/// Of each process that runs plugin code.
inline constexpr std::uint64_t k_memory_bytes_max = std::uint64_t{1} << 30;
inline constexpr std::size_t k_threads_max = 64;

/// What all jobs of a check share.
struct Setup {
  std::string plugin_id;
  bool threads{false};  // call model thread
  bool handles_webhooks{false};
  bool reads_secrets{false};  // its manifest has the capability
  bool keeps_values{false};   // its manifest names the service storage
  std::vector<std::string> entities;
  std::string config_json{"{}"};
  std::map<std::string, std::string, std::less<>> credentials;
  std::int64_t now_ms{1'767'225'600'000};
  Recording recording;  // for answers of kind replay
};
nlohmann::json to_document(const Setup& setup);
Result<Setup> setup_from_document(const nlohmann::json& document);

/// Told when a call that is over asks for services without end; it does not return when it ends the process.
using Endless = std::function<void(const Observation&)>;

/// Calls plugin code on the caller's stack. What the plugin does to this process it does to this process.
Observation run_here(const std::shared_ptr<abi::LoadedPlugin>& plugin, const Setup& setup, const Job& job, const Endless& endless);

/// A sync, a test or a webhook, in that worker.
/// `live`: makes the provider within the call's own task; empty: the job's answers.
using MakeProvider = std::function<std::unique_ptr<Provider>(runtime::Task& task)>;
Observation run_in_worker(runtime::Task& task, const std::shared_ptr<worker::Link>& link, const Setup& setup, const Job& job,
                          const MakeProvider& live = {});

}  // namespace tomada::check
