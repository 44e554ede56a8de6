#include "host/scheme/document.hpp"

#include <algorithm>
#include <charconv>

namespace tomada::scheme {
namespace {

using nlohmann::json;

constexpr std::string_view k_config = "{config:";
constexpr std::size_t k_text_bytes_max = 4'096;  // of one filled text

std::optional<std::string> config_text(const json* config, const std::string& field) {
  if (config == nullptr || !config->contains(field)) return std::nullopt;
  const json& value = config->at(field);
  if (value.is_null()) return std::nullopt;
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Result<std::string> fill_text(const std::string& text, const json* config) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t found = text.find(k_config); found != std::string::npos; found = text.find(k_config, at)) {
    out.append(text, at, found - at);
    std::size_t end = found + k_config.size();
    for (std::size_t depth = 1; end < text.size(); ++end) {  // the default may hold places of its own
      if (text[end] == '{') ++depth;
      if (text[end] == '}' && --depth == 0) break;
    }
    if (end >= text.size()) return fail(Errc::invalid_data, "\"{config:\" without its \"}\"");
    const std::string inside = text.substr(found + k_config.size(), end - found - k_config.size());
    const std::size_t bar = inside.find('|');
    const auto given = config_text(config, inside.substr(0, bar));
    out += given ? *given : bar == std::string::npos ? std::string() : inside.substr(bar + 1);
    at = end + 1;
  }
  out.append(text, at);
  if (out.size() > k_text_bytes_max)
    return fail(Errc::invalid_data, "longer than " + std::to_string(k_text_bytes_max) + " bytes");
  return out;
}

}  // namespace

Result<void> fill_config(json& document, const json* config) {
  if (document.is_string()) {
    TOMADA_TRY_ASSIGN(document.get_ref<std::string&>(), fill_text(document.get<std::string>(), config));
  } else if (document.is_structured()) {
    for (json& value : document) TOMADA_TRY(fill_config(value, config));
  }
  return {};
}

void Document::only(const json& from, const std::string& path, std::initializer_list<std::string_view> allowed) {
  for (const auto& [name, value] : from.items()) {
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
    std::string words;
    for (const std::string_view word : allowed) words += (words.empty() ? "" : ", ") + std::string(word);
    refuse(path + "." + name, "unknown field; known are: " + words);
  }
}

const json* Document::find(const json& from, const std::string& name) const {
  const auto found = from.find(name);
  return found == from.end() || found->is_null() ? nullptr : &*found;
}

const json* Document::object(const json& from, const std::string& path, const std::string& name) {
  const json* found = find(from, name);
  if (found == nullptr || found->is_object()) return found;
  refuse(path + "." + name, "must be an object");
  return nullptr;
}

const json* Document::list(const json& from, const std::string& path, const std::string& name, std::size_t count_max) {
  const json* found = find(from, name);
  if (found == nullptr) return nullptr;
  if (!found->is_array())
    refuse(path + "." + name, "must be a list");
  else if (found->size() > count_max)
    refuse(path + "." + name, "must have at most " + std::to_string(count_max) + " elements");
  else
    return found;
  return nullptr;
}

std::string Document::text(const json& from, const std::string& path, const std::string& name, std::string fallback) {
  const json* found = find(from, name);
  if (found == nullptr) return fallback;
  if (found->is_string()) return found->get<std::string>();
  refuse(path + "." + name, "must be a text");
  return fallback;
}

std::string Document::required_text(const json& from, const std::string& path, const std::string& name) {
  std::string value = text(from, path, name, "");
  if (value.empty()) refuse(path + "." + name, "missing");
  return value;
}

bool Document::flag(const json& from, const std::string& path, const std::string& name, bool fallback) {
  const json* found = find(from, name);
  if (found == nullptr) return fallback;
  if (found->is_boolean()) return found->get<bool>();
  refuse(path + "." + name, "must be true or false");
  return fallback;
}

std::int64_t Document::number(const json& from, const std::string& path, const std::string& name, std::int64_t fallback,
                              std::int64_t max) {
  const json* found = find(from, name);
  if (found == nullptr) return fallback;
  std::int64_t value = -1;
  if (found->is_number_integer()) {
    value = found->get<std::int64_t>();
  } else if (found->is_string()) {
    const auto& digits = found->get_ref<const std::string&>();
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) value = -1;
  }
  if (value >= 0 && value <= max) return value;
  refuse(path + "." + name, "must be a whole number from 0 to " + std::to_string(max));
  return fallback;
}

Template Document::text_template(const json& from, const std::string& path, const std::string& name) {
  auto parsed = Template::parse(text(from, path, name, ""));
  if (parsed.has_value()) return *std::move(parsed);
  refuse(path + "." + name, parsed.error().message);
  return {};
}

}  // namespace tomada::scheme
