// Makes recordings: real calls of a plugin, in a worker, to its real provider.
#pragma once

#include "host/base/result.hpp"
#include "host/check/recording.hpp"
#include "host/http/curl_client.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace tomada::check {

struct RecordOptions {
  std::filesystem::path file;
  std::filesystem::path worker_program;
  std::filesystem::path folder;
  std::string entity;  // empty: all, one full sync of each
  nlohmann::json config = nlohmann::json::object(), credentials = nlohmann::json::object();
  http::CurlOptions http;
};

/// Blocks. `told` hears of each recording when its file is written, `waits` of each wait for a provider's limit: a 429 is no part
/// of a recording, its request is sent again at the time that the provider asks for (up to 2 min, 20 times in a row). Secrets are
/// replaced by ***; what a customer's data holds is not. An error: which entity, and why.
Result<void> record(const RecordOptions& options, const std::function<void(const Recording&, const std::filesystem::path&)>& told,
                    const std::function<void(std::chrono::seconds)>& waits);

}  // namespace tomada::check
