// What a stranger sends to a webhook's address: "METHOD URL", header lines, an empty line, the body. Signature lists,
// Basic, JWT, forms, queries, arrays of events; through every scheme that is described somewhere. None is ever
// accepted.
#include "host/scheme/scheme.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

using namespace tomada;
using nlohmann::json;

namespace {

constexpr std::string_view k_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";  // nobody who sends knows it
constexpr std::int64_t k_now_s = 1'735'732'800;

std::vector<std::shared_ptr<const scheme::Webhook>> all_schemes() {
  const std::filesystem::path source = TOMADA_SOURCE_DIR;
  std::vector<json> documents;
  for (const auto& entry : std::filesystem::directory_iterator(source / "tests/vectors/webhooks/manifests"))
    documents.push_back(json::parse(std::ifstream(entry.path())));
  for (const char* plugin : {"stripe", "webhook"})
    documents.push_back(json::parse(std::ifstream(source / "plugins" / plugin / "manifest.json")).at("webhook"));
  std::vector<std::shared_ptr<const scheme::Webhook>> schemes;
  for (const json& document : documents) {
    auto compiled = scheme::Webhook::compile(document, nullptr);
    if (compiled.has_error()) std::abort();
    schemes.push_back(*compiled);
  }
  return schemes;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto schemes = all_schemes();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view start = take_line(text);
  const std::size_t space = std::min(start.find(' '), start.size());
  scheme::Headers headers;
  for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  const scheme::Inbound inbound{.method = start.substr(0, space),
                                .url = start.substr(std::min(space + 1, start.size())),
                                .headers = headers,
                                .body = text};
  for (const auto& webhook : schemes) {
    scheme::Secrets secrets;
    for (const std::string& field : webhook->secret_fields()) secrets[field] = {k_secret};
    const scheme::Verdict verdict = webhook->verify(inbound, secrets, {.now_s = k_now_s, .allow_legacy = true});
    if (verdict.valid || verdict.reason.empty() || verdict.reason.find(k_secret) != std::string::npos) std::abort();
    (void)webhook->handshake(inbound, secrets, verdict);
    const auto events = webhook->events(inbound, verdict);
    if (events.has_error()) continue;
    for (const scheme::Event& event : *events)
      if (event.event_id.empty() || event.event_id.size() > scheme::k_event_id_bytes_max ||
          event.event_type.size() > scheme::k_event_type_bytes_max)
        std::abort();
  }
  return 0;
}
