#include "host/check/sample.hpp"

#include "host/abi/manifest.hpp"

#include <string>
#include <vector>

namespace tomada::check {
namespace {

using nlohmann::json;

/// What patterns mostly want, the most telling first.
std::vector<json> candidates(const std::string& name, const json& schema) {
  std::vector<json> all;
  for (const char* const given : {"default", "example"})
    if (schema.contains(given)) all.push_back(schema.at(given));
  for (const json& value : schema.value("enum", json::array())) all.push_back(value);
  for (const json& value : schema.value("examples", json::array())) all.push_back(value);
  const std::string marked = "tmdCheck" + name;
  std::string plain;
  for (const char c : marked)
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) plain += c;
  const std::string long_one = plain + std::string(64, 'x');
  std::string lower = plain;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string& text :
       {marked, plain, lower, long_one, std::string("https://api.example.com"), std::string("https://api.example.com/"), std::string("api.example.com"),
        std::string("example"), std::string("check@example.com"), std::string("us-east-1"), std::string("123456"),
        std::string("+5511999999999"), std::string("2026-01-01T00:00:00Z"), std::string("2026-01-01"),
        std::string("00000000-0000-4000-8000-000000000000"), std::string("AC") + std::string(32, '0'), std::string(32, '0'),
        std::string("a"), std::string()})
    all.emplace_back(text);
  for (const std::int64_t number : {1, 100, 0, 443, 10'000}) all.emplace_back(number);
  all.emplace_back(true);
  all.push_back(json::array());
  all.push_back(json::object());
  return all;
}

}  // namespace

Result<json> sample_of(const json& schema, std::string_view what) {
  json sample = json::object();
  const json properties = schema.value("properties", json::object());
  for (const json& name : schema.value("required", json::array())) {
    const std::string key = name.get<std::string>();
    const json property = properties.value(key, json::object());
    bool is_found = false;
    for (const json& value : candidates(key, property)) {
      if (abi::check_schema(property, value, what).has_error()) continue;
      sample[key] = value;
      is_found = true;
      break;
    }
    if (!is_found) return fail(Errc::invalid_config, std::string(what) + "." + key + ": no value was found that its schema takes");
  }
  TOMADA_TRY(abi::check_schema(schema, sample, what));
  return Result<json>(boost::system::in_place_value, std::move(sample));  // json converts to anything: say which
}

}  // namespace tomada::check
