// What Stripe sends, checked: nothing of it is to be trusted before.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stripe {

// A record is written by recursion, and a plugin's stack is small. Stripe's deepest objects have about ten levels.
inline constexpr std::size_t k_json_depth_max = 64;
inline constexpr std::size_t k_list_objects_max = 1'000;  // Stripe sends at most 100

/// nullopt: not JSON, or nested deeper than k_json_depth_max.
std::optional<nlohmann::json> parse_json(std::string_view text);

/// The member's text; empty when it is missing or something else.
std::string text_of(const nlohmann::json& object, const char* member);
/// The member's whole number; 0 when it is missing or something else.
std::int64_t number_of(const nlohmann::json& object, const char* member);
bool is_true(const nlohmann::json& object, const char* member);

/// A page of a list. Each element is an object with an id.
struct ListPage {
  std::vector<nlohmann::json> objects;
  bool has_more{false};
};
/// Throws Failure (INVALID_DATA).
ListPage parse_list(std::string_view body);

struct Event {
  std::string event_id;
  std::string type;
  std::int64_t created_s{};
  std::string account;    // Connect: whose event it is; empty: the key's own account
  std::string object_id;  // may be empty: invoice.upcoming tells of an invoice that does not exist yet
  nlohmann::json json;    // the whole

  [[nodiscard]] const nlohmann::json& object() const { return json.at("data").at("object"); }
};
/// Throws Failure: INVALID_DATA for what is no event, PERMANENT for the thin events of API v2.
Event parse_event(nlohmann::json json);

struct ErrorReply {
  std::string type;
  std::string code;
  std::string message;
  std::string param;
};
/// Empty texts when the body is no error of Stripe's.
ErrorReply parse_error(std::string_view body);

/// Milliseconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT"; 0 when it is not such a time.
std::int64_t parse_http_date(std::string_view text);

}  // namespace stripe
