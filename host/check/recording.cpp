#include "host/check/recording.hpp"

#include "host/base/encoding.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace tomada::check {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* k_format = "tomada-recording/1";

bool is_text(const std::string& bytes) {
  try {
    (void)json(bytes).dump();
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

void put_bytes(json& object, const char* name, const std::string& bytes) {
  if (is_text(bytes)) object[name] = bytes;
  else object[std::string(name) + "_base64"] = base64_encode(bytes);
}

std::string get_bytes(const json& object, const char* name) {
  if (const auto text = object.find(name); text != object.end()) return text->get<std::string>();
  const auto encoded = object.find(std::string(name) + "_base64");
  if (encoded == object.end()) return {};
  return base64_decode(encoded->get<std::string>()).value_or("");
}

json to_json(const Traffic& one) {
  json request{{"method", one.method}, {"url", one.url}};
  put_bytes(request, "body", one.body);
  json answer;
  if (!one.error.empty()) {
    answer["error"] = one.error;
  } else {
    answer["status"] = one.status;
    answer["headers"] = json::array();
    for (const auto& [name, value] : one.headers) answer["headers"].push_back({name, value});
    put_bytes(answer, "body", one.answer_body);
  }
  return {{"request", std::move(request)}, {"answer", std::move(answer)}};
}

Traffic traffic_of(const json& value) {
  const json& request = value.at("request");
  const json& answer = value.at("answer");
  Traffic one{request.at("method"), request.at("url"), get_bytes(request, "body"), answer.value("error", ""), answer.value("status", 0), {}, {}};
  for (const json& header : answer.value("headers", json::array())) one.headers.emplace_back(header.at(0), header.at(1));
  one.answer_body = get_bytes(answer, "body");
  return one;
}

}  // namespace

json to_document(const Recording& recording) {
  json document{{"format", k_format},          {"plugin", recording.plugin_id}, {"version", recording.version},
                {"entity", recording.entity},  {"mode", recording.mode},        {"since", recording.since},
                {"now_ms", recording.now_ms},  {"config", recording.config},    {"traffic", json::array()},
                {"records", recording.records}, {"checkpoints", recording.checkpoints_count}, {"completed", recording.completed}};
  for (const Traffic& one : recording.traffic) document["traffic"].push_back(to_json(one));
  return document;
}

Result<Recording> from_document(const json& document) {
  try {
    if (document.at("format") != k_format) return fail(Errc::too_new, "format: this program reads " + std::string(k_format));
    Recording recording{document.at("plugin"), document.at("version"), document.at("entity"), document.at("mode"),
                        document.value("since", ""), document.at("now_ms"), document.at("config"), {},
                        document.at("records"), document.value("checkpoints", std::uint64_t{}), document.at("completed")};
    for (const json& one : document.at("traffic")) recording.traffic.push_back(traffic_of(one));
    return recording;
  } catch (const json::exception& error) {
    return fail(Errc::invalid_data, error.what());
  }
}

Result<std::vector<Recording>> load_recordings(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".json") files.push_back(at->path());
  if (error) return fail(Errc::not_found, folder.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  if (files.empty()) return fail(Errc::not_found, folder.string() + ": no recording (*.json) is there; make one with --record");
  std::vector<Recording> all;
  for (const fs::path& file : files) {
    if (fs::file_size(file, error) > k_recording_bytes_max) return fail(Errc::invalid_data, file.string() + ": larger than 256 MiB");
    std::ifstream in(file, std::ios::binary);
    auto recording = from_document(json::parse(in, nullptr, false));
    if (recording.has_error()) return std::move(recording).error().within(file.string());
    all.push_back(*std::move(recording));
  }
  return all;
}

Result<void> save_recording(const fs::path& folder, const Recording& recording) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path file = folder / recording.file_name();
  std::ofstream out(file, std::ios::binary);
  out << to_document(recording).dump(1) << "\n";
  out.close();
  if (!out) return fail(Errc::unavailable, file.string() + ": cannot be written");
  return {};
}

}  // namespace tomada::check
