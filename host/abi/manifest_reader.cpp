#include "host/abi/manifest_reader.hpp"

#include <algorithm>

namespace tomada::abi {
namespace {

using nlohmann::json;

constexpr std::size_t k_text_bytes_max = 4096;
constexpr std::size_t k_list_count_max = 1000;

std::string join(const std::string& path, const std::string& field) { return path.empty() ? field : path + "." + field; }

}  // namespace

void Reader::refuse(const std::string& path, const std::string& why, Errc code) {
  if (!error_) error_ = Error{code, path + ": " + why};
}

const json* Reader::find(const json& from, const std::string& path, const std::string& field, bool required) {
  const auto found = from.find(field);
  if (found != from.end()) return &*found;
  if (required) refuse(join(path, field), "missing");
  return nullptr;
}

std::string Reader::text(const json& from, const std::string& path, const std::string& field, bool required) {
  const json* const value = find(from, path, field, required);
  if (value == nullptr) return {};
  if (!value->is_string() || (required && value->get_ref<const std::string&>().empty())) {
    refuse(join(path, field), required ? "must be a string that is not empty" : "must be a string");
    return {};
  }
  if (value->get_ref<const std::string&>().size() > k_text_bytes_max) {
    refuse(join(path, field), "must be at most 4,096 bytes long");
    return {};
  }
  return value->get<std::string>();
}

std::string Reader::choice(const json& from, const std::string& path, const std::string& field,
                           std::initializer_list<std::string_view> allowed, bool required) {
  if (!required && !from.contains(field)) return {};
  std::string value = text(from, path, field, true);
  if (failed() || std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  std::string list;
  for (const auto& one : allowed) list += (list.empty() ? "" : ", ") + std::string(one);
  refuse(join(path, field), "must be one of " + list);
  return {};
}

std::uint64_t Reader::number(const json& from, const std::string& path, const std::string& field, std::uint64_t min,
                             std::uint64_t max, bool required) {
  const json* const value = find(from, path, field, required);
  if (value == nullptr) return 0;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() < min || value->get<std::uint64_t>() > max) {
    refuse(join(path, field), "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return 0;
  }
  return value->get<std::uint64_t>();
}

std::vector<std::string> Reader::texts(const json& from, const std::string& path, const std::string& field) {
  const json* const values = list(from, path, field, false);
  if (values == nullptr) return {};
  std::vector<std::string> texts;
  for (const auto& value : *values) {
    if (!value.is_string() || value.get_ref<const std::string&>().empty() ||
        value.get_ref<const std::string&>().size() > k_text_bytes_max) {
      refuse(join(path, field) + "[" + std::to_string(texts.size()) + "]", "must be a string that is not empty");
      return {};
    }
    texts.push_back(value.get<std::string>());
  }
  return texts;
}

const json* Reader::object(const json& from, const std::string& path, const std::string& field, bool required) {
  const json* const value = find(from, path, field, required);
  if (value == nullptr || value->is_object()) return value;
  refuse(join(path, field), "must be an object");
  return nullptr;
}

const json* Reader::list(const json& from, const std::string& path, const std::string& field, bool required) {
  const json* const value = find(from, path, field, required);
  if (value == nullptr) return nullptr;
  if (!value->is_array() || value->size() > k_list_count_max) {
    refuse(join(path, field), "must be a list of at most 1,000");
    return nullptr;
  }
  return value;
}

const json* Reader::element(const json& list, std::size_t index, const std::string& path) {
  const json& value = list.at(index);
  if (value.is_object()) return &value;
  refuse(path, "must be an object");
  return nullptr;
}

void Reader::only(const json& from, const std::string& path, std::initializer_list<std::string_view> allowed) {
  for (const auto& [name, value] : from.items())
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
      refuse(join(path, name), "is not a field that is known here");
}

}  // namespace tomada::abi
