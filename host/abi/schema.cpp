// JSON Schema (draft 4) by RapidJSON's validator; the only file that sees RapidJSON.
#include "host/abi/manifest.hpp"

#include "host/base/json_depth.hpp"

#include <stdexcept>

// A schema that trips an assertion of the library is a bad schema, not the end of the process.
#define RAPIDJSON_ASSERT(condition) ((condition) ? void(0) : throw std::logic_error("RapidJSON: " #condition))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wterminate"
#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#pragma GCC diagnostic pop

namespace tomada::abi {
namespace {

using nlohmann::json;

bool is_depth_fine(const json& value, std::size_t left = k_json_depth_max) {
  if (!value.is_structured()) return true;
  if (left == 0) return false;
  for (const auto& child : value)
    if (!is_depth_fine(child, left - 1)) return false;
  return true;
}

template <class Pointer>
json::json_pointer pointer_of(const Pointer& pointer) {
  rapidjson::StringBuffer text;
  pointer.Stringify(text);
  return json::json_pointer(std::string(text.GetString(), text.GetSize()));
}

/// "config.hosts[0].name"
std::string path_of(std::string_view what, const json& value, const json::json_pointer& pointer) {
  std::string path;
  for (auto at = pointer; !at.empty(); at.pop_back()) {
    const bool in_array = value.contains(at.parent_pointer()) && value.at(at.parent_pointer()).is_array();
    path.insert(0, in_array ? "[" + at.back() + "]" : "." + at.back());
  }
  return std::string(what) + path;
}

std::string words_for_type(const json& type) {
  if (type.is_array()) {
    std::string words;
    for (const auto& one : type) words += (words.empty() ? "" : " or ") + words_for_type(one);
    return words;
  }
  const std::string name = type.is_string() ? type.get<std::string>() : "value of another type";
  if (name == "null") return "null";
  return (name.find_first_of("aeio") == 0 ? "an " : "a ") + name;
}

std::string list_of(const json& values) {
  std::string list;
  for (const auto& value : values) list += (list.empty() ? "" : ", ") + value.dump();
  return list;
}

/// What the value must be, by keyword; never the value itself: it may be a secret.
std::string demand_of(const std::string& keyword, const json& schema) {
  const json expected = schema.is_object() && schema.contains(keyword) ? schema.at(keyword) : json();
  const std::string bound = expected.is_null() ? "the limit" : expected.dump();
  if (keyword == "type") return "must be " + words_for_type(expected);
  if (keyword == "enum") return "must be one of " + list_of(expected);
  if (keyword == "pattern") return "must match the pattern " + bound;
  if (keyword == "minLength") return expected == 1 ? "must not be empty" : "must have at least " + bound + " characters";
  if (keyword == "maxLength") return "must have at most " + bound + " characters";
  if (keyword == "minimum")
    return (schema.value("exclusiveMinimum", false) ? "must be more than " : "must be at least ") + bound;
  if (keyword == "maximum")
    return (schema.value("exclusiveMaximum", false) ? "must be less than " : "must be at most ") + bound;
  if (keyword == "multipleOf") return "must be a multiple of " + bound;
  if (keyword == "minItems") return "must have at least " + bound + " items";
  if (keyword == "maxItems") return "must have at most " + bound + " items";
  if (keyword == "uniqueItems") return "must not have the same item twice";
  if (keyword == "additionalItems") return "has more items than are allowed";
  if (keyword == "minProperties") return "must have at least " + bound + " fields";
  if (keyword == "maxProperties") return "must have at most " + bound + " fields";
  if (keyword == "oneOf") return "must fit exactly one of the forms that the schema allows";
  if (keyword == "anyOf") return "must fit one of the forms that the schema allows";
  if (keyword == "allOf") return "must fit all forms that the schema demands";
  if (keyword == "not") return "has a form that the schema forbids";
  if (keyword == "dependencies") return "lacks a field that another one needs";
  return "does not fit the schema (" + keyword + ")";
}

/// The child that "required" is about; empty when the schema does not tell.
std::string missing_field(const json& schema, const json& object) {
  if (!schema.is_object() || !object.is_object() || !schema.contains("required")) return {};
  for (const auto& name : schema.at("required"))
    if (name.is_string() && !object.contains(name.get<std::string>())) return name;
  return {};
}

template <class Validator>
Error violation(const Validator& validator, const json& schema, const json& value, std::string_view what) {
  const std::string keyword = validator.GetInvalidSchemaKeyword() != nullptr ? validator.GetInvalidSchemaKeyword() : "";
  const auto schema_at = pointer_of(validator.GetInvalidSchemaPointer());
  const auto value_at = pointer_of(validator.GetInvalidDocumentPointer());
  const json rule = schema.contains(schema_at) ? schema.at(schema_at) : json();
  const json part = value.contains(value_at) ? value.at(value_at) : json();
  const std::string path = path_of(what, value, value_at);
  if (keyword == "required")
    if (const std::string field = missing_field(rule, part); !field.empty())
      return fail(Errc::invalid_config, path + "." + field + ": is required");
  if (keyword == "additionalProperties")  // the validator points at the field itself
    return fail(Errc::invalid_config, path + ": is not known here");
  return fail(Errc::invalid_config, path + ": " + demand_of(keyword, rule));
}

Result<void> check(const json& schema, const json& value, std::string_view what) {
  rapidjson::Document schema_document;
  const std::string schema_text = schema.dump();
  schema_document.Parse(schema_text.data(), schema_text.size());
  rapidjson::Document document;
  const std::string text = value.dump();
  document.Parse(text.data(), text.size());
  if (schema_document.HasParseError() || document.HasParseError())
    return fail(Errc::invalid_config, std::string(what) + ": is not JSON that the validator reads");
  const rapidjson::SchemaDocument compiled(schema_document);
  rapidjson::SchemaValidator validator(compiled);
  if (document.Accept(validator)) return {};
  return violation(validator, schema, value, what);
}

}  // namespace

Result<void> check_schema(const json& schema, const json& value, std::string_view what) {
  if (!schema.is_object()) return fail(Errc::invalid_config, std::string(what) + ": its schema must be an object");
  if (!is_depth_fine(schema) || !is_depth_fine(value))
    return fail(Errc::invalid_config, std::string(what) + ": is nested deeper than 64 levels");
  try {
    return check(schema, value, what);
  } catch (const std::exception&) {  // invalid UTF-8 in a string, or a schema that the library cannot bear
    return fail(Errc::invalid_config, std::string(what) + ": could not be checked: it or its schema is malformed");
  }
}

}  // namespace tomada::abi
