// The traffic of one real call, kept in a file: what the plugin asked its provider, what came back, what it made of it.
#pragma once

#include "host/abi/services.hpp"
#include "host/base/result.hpp"
#include "host/check/observation.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace tomada::check {

inline constexpr std::size_t k_recording_bytes_max = 256 * 1024 * 1024;

struct Traffic {
  std::string method, url, body;
  std::string error;  // no answer
  int status{};
  std::vector<std::pair<std::string, std::string>> headers;
  std::string answer_body;

  /// What tells one request from another: all but its headers.
  [[nodiscard]] std::string key() const { return method + " " + url + "\n" + body; }
};
inline std::string key_of(const abi::HttpRequest& request) { return request.method + " " + request.url + "\n" + request.body; }

/// DIR/ENTITY.MODE.json. Bodies that are no UTF-8 are kept as base64.
struct Recording {
  std::string plugin_id, version;
  std::string entity, mode{"full"}, since;
  std::int64_t now_ms{};
  nlohmann::json config = nlohmann::json::object();
  std::vector<Traffic> traffic;
  std::vector<Record> records;
  std::uint64_t checkpoints_count{};
  std::vector<std::string> completed;

  [[nodiscard]] std::string file_name() const { return entity + "." + mode + ".json"; }
};

/// All recordings of a folder, by file name. NOT_FOUND: there are none. INVALID_DATA names file and field.
Result<std::vector<Recording>> load_recordings(const std::filesystem::path& folder);
Result<void> save_recording(const std::filesystem::path& folder, const Recording& recording);
/// As in the file, for a child process.
nlohmann::json to_document(const Recording& recording);
Result<Recording> from_document(const nlohmann::json& document);

}  // namespace tomada::check
