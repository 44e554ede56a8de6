#include "options.hpp"

#include <tomada/plugin.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace webhook {
namespace {

namespace sdk = tomada::sdk;
using nlohmann::json;

constexpr std::array<std::string_view, 10> k_custom_fields{
    "header", "prefix",           "separator",      "algorithm",       "encoding",
    "signed", "timestamp_header", "timestamp_unit", "secret_encoding", "secret_prefix",
};

[[noreturn]] void refuse(const std::string& why) { throw sdk::Failure(TOMADA_E_INVALID_CONFIG, why); }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void check_config(std::string_view config_json) {
  const json config = json::parse(config_json);
  const std::string preset = config.value("preset", "custom");
  if (preset != "custom") {
    for (const std::string_view field : k_custom_fields)
      if (config.contains(field))
        refuse("config." + std::string(field) + ": belongs to the preset custom; " + preset +
               " says itself how it signs");
    return;
  }
  // A time that is not signed proves nothing: whoever replays an old event writes a new one.
  const std::string header = config.value("timestamp_header", "");
  const std::string is_signed = lower(config.value("signed", "{body}"));
  if (!header.empty() && is_signed.find("{timestamp}") == std::string::npos &&
      is_signed.find("{header:" + lower(header) + "}") == std::string::npos)
    refuse("config.timestamp_header: config.signed must contain {timestamp}, else anybody can change the time");
  if (header.empty() && is_signed.find("{timestamp}") != std::string::npos)
    refuse("config.signed: contains {timestamp}, but config.timestamp_header does not say where it is");
}

}  // namespace webhook
