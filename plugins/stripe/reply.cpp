#include "reply.hpp"

#include <tomada/failure.hpp>

#include <array>
#include <charconv>
#include <chrono>

namespace stripe {
namespace {

using nlohmann::json;
using tomada::sdk::Failure;

Failure invalid(const std::string& why) { return {TOMADA_E_INVALID_DATA, "what Stripe sent: " + why}; }

/// Brackets outside of strings; for what is no JSON the parser finds it.
bool is_depth_fine(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > k_json_depth_max) return false;
    } else if ((c == '}' || c == ']') && depth != 0) {
      --depth;
    }
  }
  return true;
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::optional<json> parse_json(std::string_view text) {
  if (!is_depth_fine(text)) return std::nullopt;
  json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return std::nullopt;
  return parsed;
}

std::string text_of(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_of(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

bool is_true(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

ListPage parse_list(std::string_view body) {
  std::optional<json> list = parse_json(body);
  if (!list || !list->is_object()) throw invalid("it is not a JSON object");
  const auto data = list->find("data");
  if (data == list->end() || !data->is_array()) throw invalid("it is not a list: `data` is missing");
  // Without it an answer cut short would pass for the list's end, and a full run would delete the rest.
  const auto has_more = list->find("has_more");
  if (has_more == list->end() || !has_more->is_boolean()) throw invalid("it is not a list: `has_more` is missing");
  if (data->size() > k_list_objects_max) throw invalid("the page has too many objects");
  ListPage page;
  page.has_more = has_more->get<bool>();
  page.objects.reserve(data->size());
  for (json& object : *data) {
    if (!object.is_object() || text_of(object, "id").empty()) throw invalid("an object of the list has no id");
    page.objects.push_back(std::move(object));
  }
  return page;
}

Event parse_event(json event) {
  if (!event.is_object()) throw invalid("an event is not a JSON object");
  if (text_of(event, "object") == "v2.core.event")
    throw Failure(TOMADA_E_PERMANENT,
                  "this is a thin event of Stripe's API v2, which carries no object: in Stripe, choose snapshot events "
                  "for this endpoint");
  if (text_of(event, "object") != "event") throw invalid("it is not an event");
  Event parsed;
  parsed.event_id = text_of(event, "id");
  parsed.type = text_of(event, "type");
  parsed.created_s = number_of(event, "created");
  parsed.account = text_of(event, "account");
  if (parsed.event_id.empty() || parsed.type.empty()) throw invalid("an event has no id or no type");
  constexpr std::int64_t k_year_9999_s = 253'402'300'799;
  if (parsed.created_s <= 0 || parsed.created_s > k_year_9999_s) throw invalid("an event has no time");
  const auto data = event.find("data");
  if (data == event.end() || !data->is_object() || !data->contains("object") || !data->at("object").is_object())
    throw invalid("an event has no data.object");
  parsed.object_id = text_of(data->at("object"), "id");
  parsed.json = std::move(event);
  return parsed;
}

ErrorReply parse_error(std::string_view body) {
  const std::optional<json> reply = parse_json(body);
  if (!reply || !reply->is_object()) return {};
  const auto error = reply->find("error");
  if (error == reply->end()) return {};
  // OAuth's errors are a bare word beside their description.
  if (error->is_string())
    return {
        .type = {}, .code = error->get<std::string>(), .message = text_of(*reply, "error_description"), .param = {}};
  if (!error->is_object()) return {};
  return {.type = text_of(*error, "type"),
          .code = text_of(*error, "code"),
          .message = text_of(*error, "message"),
          .param = text_of(*error, "param")};
}

std::int64_t parse_http_date(std::string_view text) {
  constexpr auto k_months = std::to_array<std::string_view>(
      {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"});
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  if (text.size() != 29 || text.substr(25) != " GMT" || text.substr(3, 2) != ", ") return 0;
  unsigned day = 0, hour = 0, minute = 0, second = 0, month = 0;
  int year = 0;
  while (month < k_months.size() && k_months[month] != text.substr(8, 3)) ++month;
  if (!parse_number(text.substr(5, 2), day) || !parse_number(text.substr(12, 4), year) ||
      !parse_number(text.substr(17, 2), hour) || !parse_number(text.substr(20, 2), minute) ||
      !parse_number(text.substr(23, 2), second))
    return 0;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month + 1), std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return 0;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

}  // namespace stripe
