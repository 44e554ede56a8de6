#include "host/serve/problem.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

namespace tomada::serve {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return value;
  return {};
}

Answer::Answer(const Error& error) {
  *this = problem(status_of(error.code), error.code, error.message);
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after);
    headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds.count(), 1)));
  }
}

Answer json_answer(int status, const nlohmann::ordered_json& document) {
  return {status, "application/json",
          document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"};
}

Answer problem(int status, Errc code, std::string detail, const std::vector<FieldError>& errors) {
  nlohmann::ordered_json document{{"type", "about:blank"},
                                  {"title", reason_phrase(status)},
                                  {"status", status},
                                  {"detail", std::move(detail)},
                                  {"code", to_string(code)}};
  if (!errors.empty()) {
    auto list = nlohmann::ordered_json::array();
    for (const FieldError& error : errors) list.push_back({{"field", error.field}, {"detail", error.detail}});
    document["errors"] = std::move(list);
  }
  Answer answer = json_answer(status, document);
  answer.content_type = "application/problem+json";
  return answer;
}

Answer field_problem(const Error& error) {
  const std::size_t colon = error.message.find(": ");
  if (colon == std::string::npos) return error;
  return problem(status_of(error.code), error.code, error.message,
                 {{error.message.substr(0, colon), error.message.substr(colon + 2)}});
}

Answer field_problem(std::string field, std::string why) {
  return field_problem(fail(Errc::invalid_data, std::move(field) + ": " + std::move(why)));
}

int status_of(Errc code) {
  switch (code) {
    case Errc::cancelled: return 503;  // the host is stopping
    case Errc::deadline: return 504;
    case Errc::rate_limited: return 429;
    case Errc::unauthenticated: return 401;
    case Errc::forbidden: return 403;
    case Errc::not_found: return 404;
    case Errc::conflict: return 409;
    case Errc::invalid_config: return 422;
    case Errc::invalid_data: return 422;
    case Errc::unavailable: return 503;
    case Errc::permanent: return 502;  // the provider's answer, not ours
    case Errc::unsupported: return 422;
    case Errc::stale_handle: return 500;
    case Errc::too_new: return 422;
    case Errc::internal: return 500;
  }
  return 500;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Unknown";
  }
}

}  // namespace tomada::serve
