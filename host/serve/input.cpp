#include "host/serve/input.hpp"

#include "host/base/encoding.hpp"
#include "host/base/json_depth.hpp"
#include "host/serve/problem.hpp"

#include <algorithm>
#include <charconv>

namespace tomada::serve {
namespace {

std::string join(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

bool contains(std::initializer_list<std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::string_view k_time_rule = "must be a time such as 2026-01-31T15:30:00Z (RFC 3339)";

}  // namespace

Outcome<Body> Body::parse(const Request& request, std::initializer_list<std::string_view> known) {
  Body body;
  body.document_ = nlohmann::json::object();
  if (request.body.find_first_not_of(" \t\r\n") == std::string::npos) return body;
  if (!is_json_depth_fine(request.body))
    return problem(400, Errc::invalid_data, "the body is nested deeper than " + std::to_string(k_json_depth_max) + " levels");
  try {
    body.document_ = nlohmann::json::parse(request.body);
  } catch (const nlohmann::json::parse_error& error) {
    // The library's text quotes the body, which may hold a secret; the position is enough.
    return problem(400, Errc::invalid_data, "the body is not valid JSON (near byte " + std::to_string(error.byte) + ")");
  }
  if (!body.document_.is_object()) return problem(400, Errc::invalid_data, "the body must be a JSON object");
  for (const auto& [name, value] : body.document_.items()) {
    if (contains(known, name)) continue;
    const std::string shown = name.size() > k_name_chars_max ? name.substr(0, 40) + "…" : name;
    return field_problem(shown, known.size() == 0 ? "unknown field; none is known here" : "unknown field; known are: " + join(known));
  }
  return body;
}

const nlohmann::json* Body::find(std::string_view name) const {
  const auto found = document_.find(name);
  return found == document_.end() || found->is_null() ? nullptr : &*found;
}

Outcome<std::optional<std::string>> Body::text(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::optional<std::string>{};
  if (!value->is_string()) return field_problem(std::string(name), "must be a text");
  auto text = value->get<std::string>();
  if (text.size() > k_name_chars_max)
    return field_problem(std::string(name), "must have at most " + std::to_string(k_name_chars_max) + " bytes");
  return std::optional(std::move(text));
}

Outcome<std::optional<bool>> Body::flag(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::optional<bool>{};
  if (!value->is_boolean()) return field_problem(std::string(name), "must be true or false");
  return std::optional(value->get<bool>());
}

Outcome<std::optional<nlohmann::json>> Body::object(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::optional<nlohmann::json>{};
  if (!value->is_object()) return field_problem(std::string(name), "must be an object");
  return std::optional<nlohmann::json>(std::in_place, *value);
}

Outcome<std::optional<std::int64_t>> Body::time(std::string_view name) const {
  auto value = text(name);
  if (value.has_error()) return std::move(value).error();
  if (!value->has_value()) return std::optional<std::int64_t>{};
  const auto time_ms = parse_time(**value);
  if (!time_ms) return field_problem(std::string(name), std::string(k_time_rule));
  return time_ms;
}

Outcome<std::optional<std::vector<std::string>>> Body::texts(std::string_view name, std::size_t max) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::optional<std::vector<std::string>>{};
  std::vector<std::string> texts;
  const bool fits = value->is_array() && !value->empty() && value->size() <= max;
  if (fits)
    for (const auto& element : *value)
      if (element.is_string()) texts.push_back(element.get<std::string>());
  if (!fits || texts.size() != value->size())
    return field_problem(std::string(name), "must be an array of 1 to " + std::to_string(max) + " texts");
  return std::optional(std::move(texts));
}

Outcome<std::string> Body::required_text(std::string_view name) const {
  auto value = text(name);
  if (value.has_error()) return std::move(value).error();
  if (!value->has_value() || (*value)->empty()) return field_problem(std::string(name), "missing");
  return std::move(**value);
}

Outcome<Query> Query::parse(const Request& request, std::initializer_list<std::string_view> known) {
  Query query;
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    std::string pair(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    std::replace(pair.begin(), pair.end(), '+', ' ');
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value || !is_utf8(*name) || !is_utf8(*value))
      return problem(400, Errc::invalid_data, "the query is not valid percent-encoded UTF-8");
    if (!contains(known, *name))
      return problem(400, Errc::invalid_data,
                     "unknown query parameter " + *name + "; known are: " + (known.size() == 0 ? "none" : join(known)));
    query.values_.insert_or_assign(std::move(*name), std::move(*value));
  }
  return query;
}

std::string Query::text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second;
}

Outcome<std::size_t> Query::limit(std::size_t fallback, std::size_t max) const {
  const std::string text = this->text("limit");
  if (text.empty()) return fallback;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1 || number > max)
    return problem(400, Errc::invalid_data, "limit must be a whole number from 1 to " + std::to_string(max));
  return number;
}

Outcome<std::optional<std::int64_t>> Query::time(std::string_view name) const {
  const std::string text = this->text(name);
  if (text.empty()) return std::optional<std::int64_t>{};
  const auto time_ms = parse_time(text);
  if (!time_ms) return problem(400, Errc::invalid_data, std::string(name) + " " + std::string(k_time_rule));
  return time_ms;
}

Outcome<std::optional<bool>> Query::flag(std::string_view name) const {
  const std::string text = this->text(name);
  if (text.empty()) return std::optional<bool>{};
  if (text != "true" && text != "false")
    return problem(400, Errc::invalid_data, std::string(name) + " must be true or false");
  return std::optional(text == "true");
}

}  // namespace tomada::serve
