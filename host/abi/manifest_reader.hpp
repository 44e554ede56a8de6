// Reads fields of a JSON document and keeps the first thing that is wrong, with its path.
#pragma once

#include "host/base/result.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::abi {

class Reader {
 public:
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] const Error& error() const { return *error_; }

  /// The first one counts.
  void refuse(const std::string& path, const std::string& why, Errc code = Errc::invalid_data);

  /// Each gives an empty value when the field is missing or wrong; `path` is that of `from`, empty at the top.
  std::string text(const nlohmann::json& from, const std::string& path, const std::string& field, bool required);
  std::string choice(const nlohmann::json& from, const std::string& path, const std::string& field,
                     std::initializer_list<std::string_view> allowed, bool required);
  std::uint64_t number(const nlohmann::json& from, const std::string& path, const std::string& field,
                       std::uint64_t min, std::uint64_t max, bool required);
  std::vector<std::string> texts(const nlohmann::json& from, const std::string& path, const std::string& field);
  const nlohmann::json* object(const nlohmann::json& from, const std::string& path, const std::string& field,
                               bool required);
  const nlohmann::json* list(const nlohmann::json& from, const std::string& path, const std::string& field,
                             bool required);
  /// An object in a list.
  const nlohmann::json* element(const nlohmann::json& list, std::size_t index, const std::string& path);
  /// Refuses every other field.
  void only(const nlohmann::json& from, const std::string& path, std::initializer_list<std::string_view> allowed);

 private:
  const nlohmann::json* find(const nlohmann::json& from, const std::string& path, const std::string& field,
                             bool required);
  std::optional<Error> error_;
};

}  // namespace tomada::abi
