// Reads what a client sent: the JSON body and the query. Refusals name the field and what it must be.
#pragma once

#include "host/serve/message.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::serve {

inline constexpr std::size_t k_name_chars_max = 200;

/// The body as a JSON object. An empty body is an empty object.
class Body {
 public:
  /// 400: not JSON, too deep, not an object. 422: a field that is not in `known`, by name.
  static Outcome<Body> parse(const Request& request, std::initializer_list<std::string_view> known);

  /// Absent and null are the same: nullopt. 422: of another type, too long.
  [[nodiscard]] Outcome<std::optional<std::string>> text(std::string_view name) const;
  [[nodiscard]] Outcome<std::optional<bool>> flag(std::string_view name) const;
  [[nodiscard]] Outcome<std::optional<nlohmann::json>> object(std::string_view name) const;
  /// RFC 3339, as milliseconds since 1970.
  [[nodiscard]] Outcome<std::optional<std::int64_t>> time(std::string_view name) const;
  /// An array of 1 to `max` texts.
  [[nodiscard]] Outcome<std::optional<std::vector<std::string>>> texts(std::string_view name, std::size_t max) const;
  /// 422 when it is absent or empty.
  [[nodiscard]] Outcome<std::string> required_text(std::string_view name) const;

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view name) const;
  nlohmann::json document_;
};

class Query {
 public:
  /// 400: bad encoding, or a parameter that is not in `known`.
  static Outcome<Query> parse(const Request& request, std::initializer_list<std::string_view> known);

  /// Empty when absent.
  [[nodiscard]] std::string text(std::string_view name) const;
  /// 400: not a whole number from 1 to `max`.
  [[nodiscard]] Outcome<std::size_t> limit(std::size_t fallback, std::size_t max) const;
  /// nullopt when absent. 400: not RFC 3339; neither true nor false.
  [[nodiscard]] Outcome<std::optional<std::int64_t>> time(std::string_view name) const;
  [[nodiscard]] Outcome<std::optional<bool>> flag(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace tomada::serve
