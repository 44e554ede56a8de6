// What a plugin's author may write as `webhook`: refused with words, or compiled into something that judges requests.
#include "host/base/json_depth.hpp"
#include "host/scheme/scheme.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>

using namespace tomada;
using nlohmann::json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!is_json_depth_fine(text)) return 0;  // as the manifest's reader
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return 0;
  const json config{{"header", "X"}, {"tolerance_s", 5}, {"signed", "{body}"}, {"preset", "custom"}};
  for (const json* given : {static_cast<const json*>(nullptr), &config}) {
    const auto compiled = scheme::Webhook::compile(document, given);
    if (compiled.has_error()) {
      if (compiled.error().message.empty()) std::abort();
      continue;
    }
    const scheme::Headers headers{{"X-Signature", "v1=00,t=5"}, {"Content-Type", "application/x-www-form-urlencoded"}};
    const scheme::Inbound inbound{
        .method = "POST", .url = "https://h.example:443/x?a=b", .headers = headers, .body = "a=1&b=%41"};
    const scheme::Verdict verdict = (*compiled)->verify(inbound, {}, {.now_s = 5});
    if (verdict.valid) std::abort();  // no secret, no acceptance, whatever the manifest says
    (void)(*compiled)->handshake(inbound, {}, verdict);
    (void)(*compiled)->events(inbound, verdict);
    (void)(*compiled)->sign(inbound, {}, 5);
  }
  return 0;
}
