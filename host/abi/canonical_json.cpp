#include "host/abi/canonical_json.hpp"

#include "host/base/json_depth.hpp"

#include <nlohmann/json.hpp>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace tomada::abi {
namespace {

namespace dom = simdjson::dom;
using Field = std::pair<std::string_view, dom::element>;

void append_text(std::string& out, std::string_view text) {
  static constexpr char k_digits[] = "0123456789abcdef";
  out += '"';
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, written, i - written);
    written = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: out += "\\u00", out += k_digits[c >> 4], out += k_digits[c & 15];
    }
  }
  out.append(text, written);
  out += '"';
}

template <class Number>
std::string_view number_text(std::array<char, 32>& buffer, Number number) {
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

void append_double(std::string& out, double number) {
  std::array<char, 32> buffer{};
  const std::string_view text = number_text(buffer, number);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";  // 1.0 stays a fraction
}

void append(std::string& out, const dom::element& value);

void append_object(std::string& out, const dom::object& object) {
  std::vector<Field> fields;
  fields.reserve(object.size());
  for (const auto field : object) fields.emplace_back(field.key, field.value);
  const auto by_key = [](const Field& a, const Field& b) { return a.first < b.first; };
  if (!std::is_sorted(fields.begin(), fields.end(), by_key)) std::stable_sort(fields.begin(), fields.end(), by_key);
  out += '{';
  bool first = true;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i + 1 < fields.size() && fields[i + 1].first == fields[i].first) continue;
    if (!std::exchange(first, false)) out += ',';
    append_text(out, fields[i].first);
    out += ':';
    append(out, fields[i].second);
  }
  out += '}';
}

void append_array(std::string& out, const dom::array& array) {
  out += '[';
  bool first = true;
  for (const dom::element item : array) {
    if (!std::exchange(first, false)) out += ',';
    append(out, item);
  }
  out += ']';
}

/// Recurses at most k_json_depth_max deep.
void append(std::string& out, const dom::element& value) {
  std::array<char, 32> buffer{};
  switch (value.type()) {
    case dom::element_type::OBJECT: append_object(out, value.get_object().value_unsafe()); break;
    case dom::element_type::ARRAY: append_array(out, value.get_array().value_unsafe()); break;
    case dom::element_type::STRING: append_text(out, value.get_string().value_unsafe()); break;
    case dom::element_type::INT64: out += number_text(buffer, value.get_int64().value_unsafe()); break;
    case dom::element_type::UINT64: out += number_text(buffer, value.get_uint64().value_unsafe()); break;
    case dom::element_type::DOUBLE: append_double(out, value.get_double().value_unsafe()); break;
    case dom::element_type::BOOL: out += value.get_bool().value_unsafe() ? "true" : "false"; break;
    case dom::element_type::NULL_VALUE: out += "null"; break;
  }
}

}  // namespace

struct CanonicalJson::Parser {
  dom::parser dom;
};

CanonicalJson::CanonicalJson() : parser_(std::make_unique<Parser>()) {}
CanonicalJson::CanonicalJson(CanonicalJson&&) noexcept = default;
CanonicalJson::~CanonicalJson() = default;

/// `of_simdjson(object)`, or `of_large(data)` for what simdjson 3.0 does not read: whole numbers beyond 64 bits.
template <class Of, class OfLarge>
static auto read(dom::parser& parser, std::string_view text, Of of_simdjson, OfLarge of_large)
    -> Result<decltype(of_simdjson(dom::object()))> {
  if (!is_json_depth_fine(text)) return fail(Errc::invalid_data, "data is nested deeper than 64 levels");
  dom::element root;
  const auto error = parser.parse(text.data(), text.size()).get(root);
  if (error == simdjson::UTF8_ERROR) return fail(Errc::invalid_data, "data is not UTF-8");
  if (error == simdjson::NUMBER_ERROR) {
    const auto data = nlohmann::json::parse(text, nullptr, false);
    if (data.is_object()) return of_large(data);
  } else if (error == simdjson::SUCCESS && root.is_object()) {
    return of_simdjson(root.get_object().value_unsafe());
  }
  return fail(Errc::invalid_data, "data is not a JSON object");
}

Result<std::string> CanonicalJson::object(std::string_view text) {
  return read(
      parser_->dom, text,
      [&](const dom::object& object) {
        std::string out;
        out.reserve(text.size());
        append_object(out, object);
        return out;
      },
      [](const nlohmann::json& data) { return data.dump(); });
}

Result<void> CanonicalJson::check_object(std::string_view text) {
  TOMADA_TRY(read(parser_->dom, text, [](const dom::object&) { return true; }, [](const nlohmann::json&) { return true; }));
  return {};
}

}  // namespace tomada::abi
