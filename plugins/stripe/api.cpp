#include "api.hpp"

#include "errors.hpp"

#include <algorithm>

namespace stripe {
namespace {

namespace sdk = tomada::sdk;
using nlohmann::json;

// Pins the shapes of what is answered; without it each account's own default would decide.
constexpr std::string_view k_api_version = "2023-08-16";
constexpr std::string_view k_base_url = "https://api.stripe.com";
constexpr std::size_t k_error_bytes_max = 256 * 1024;  // what is longer is some other server's page

ErrorReply read_error(sdk::Response& response) {
  const std::string_view body = response.body();
  return body.size() > k_error_bytes_max ? ErrorReply() : parse_error(body);
}

sdk::Failure failure_of_response(sdk::Response& response, const ErrorReply& error, std::string_view path,
                                 bool has_account) {
  ErrorContext context;
  context.http_status = response.status();
  context.retry_after_ms = response.retry_after_ms();
  context.path = path;
  context.has_account = has_account;
  const std::string_view should_retry = response.header("Stripe-Should-Retry").value_or("");
  if (should_retry == "true" || should_retry == "false") context.should_retry = should_retry == "true";
  return failure_of(error, context);
}

}  // namespace

Endpoint Endpoint::from_config(std::string_view config_json) {
  const std::optional<json> config = parse_json(config_json);
  if (!config || !config->is_object()) throw sdk::Failure(TOMADA_E_INVALID_CONFIG, "config: must be an object");
  for (const char* field : {"base_url", "account"})
    if (config->contains(field) && !config->at(field).is_string())
      throw sdk::Failure(TOMADA_E_INVALID_CONFIG, std::string("config.") + field + ": must be a string");
  Endpoint endpoint{text_of(*config, "base_url"), text_of(*config, "account")};
  if (endpoint.base_url.empty()) endpoint.base_url = k_base_url;
  if (endpoint.base_url.ends_with('/')) endpoint.base_url.pop_back();
  const std::size_t scheme_bytes = endpoint.base_url.starts_with("https://")  ? 8
                                   : endpoint.base_url.starts_with("http://") ? 7
                                                                              : 0;
  const std::string_view authority = std::string_view(endpoint.base_url).substr(scheme_bytes);
  if (scheme_bytes == 0 || authority.empty() || authority.find_first_of("/?#@\\ ") != std::string_view::npos)
    throw sdk::Failure(TOMADA_E_INVALID_CONFIG,
                       "config.base_url: must be scheme, host and port alone, such as https://api.stripe.com");
  return endpoint;
}

sdk::Response Api::get(const std::string& target) {
  sdk::Request request = sdk::Request::get(endpoint_.base_url + target);
  request.header("Stripe-Version", std::string(k_api_version));
  if (!endpoint_.account.empty()) request.header("Stripe-Account", endpoint_.account);
  sdk::Response response = call_.http().send(request);
  if (const tomada_unix_ms date = parse_http_date(response.header("Date").value_or("")); date != 0) clock_ms_ = date;
  return response;
}

std::optional<ListPage> Api::list(std::string_view path, const std::string& query, int limit) {
  std::string target(path);
  target += "?limit=" + std::to_string(limit);
  if (!query.empty()) (target += '&') += query;
  sdk::Response response = get(target);
  if (response.ok()) return parse_list(response.body());
  const ErrorReply error = read_error(response);
  if (is_cursor_gone(error, response.status())) return std::nullopt;
  throw failure_of_response(response, error, path, !endpoint_.account.empty());
}

void Api::check_balance() {
  constexpr std::string_view k_path = "/v1/balance";
  sdk::Response response = get(std::string(k_path));
  if (!response.ok()) throw failure_of_response(response, read_error(response), k_path, !endpoint_.account.empty());
  const std::optional<json> balance = parse_json(response.body());
  if (!balance || !balance->is_object() || text_of(*balance, "object") != "balance")
    throw sdk::Failure(TOMADA_E_INVALID_DATA, "the answer is not Stripe's: config.base_url says who was asked");
}

tomada_unix_ms Api::clock_ms() const {
  const tomada_unix_ms now = clock_ms_ != 0 ? clock_ms_ : call_.now_ms();
  return now / 1000 * 1000;
}

}  // namespace stripe
