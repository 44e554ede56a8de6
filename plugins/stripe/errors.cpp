#include "errors.hpp"

#include <tomada/http.hpp>

#include <array>

namespace stripe {
namespace {

using tomada::sdk::Failure;

constexpr std::size_t k_code_bytes_max = 100;
constexpr std::size_t k_message_bytes_max = 300;

bool is_key_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '*';
}

/// Stripe masks keys in its messages but for their ends; here nothing of them is left.
std::string without_keys(std::string text) {
  for (const std::string_view prefix : {"sk_", "rk_", "pk_", "whsec_"}) {
    for (std::size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) {
      if (at > 0 && is_key_character(text[at - 1])) {  // inside a longer word
        ++at;
        continue;
      }
      std::size_t end = at;
      while (end < text.size() && is_key_character(text[end])) ++end;
      text.replace(at, end - at, "***");
    }
  }
  return text;
}

std::string in_its_own_words(const ErrorReply& error, const ErrorContext& context) {
  std::string text = "Stripe answered HTTP " + std::to_string(context.http_status) + " to " + std::string(context.path);
  const std::string words = without_keys(error.message).substr(0, k_message_bytes_max);
  return words.empty() ? text : text + ": " + words;
}

tomada_status status_for(const ErrorReply& error, const ErrorContext& context) {
  const std::uint32_t http = context.http_status;
  if (http == 401) return TOMADA_E_UNAUTHENTICATED;
  // lock_timeout: another request holds the object. Both also come with 400.
  if (http == 429 || error.code == "rate_limit" || error.code == "lock_timeout") return TOMADA_E_RATE_LIMITED;
  const bool is_passing = http == 409 || http == 424 || http >= 500;
  if (context.should_retry && http != 403 && http != 404) {
    if (*context.should_retry) return TOMADA_E_UNAVAILABLE;
    if (is_passing) return TOMADA_E_PERMANENT;
  }
  if (is_passing) return TOMADA_E_UNAVAILABLE;
  return tomada::sdk::Response::status_for_http(http);
}

Failure bare_failure(const ErrorReply& error, const ErrorContext& context) {
  const tomada_status status = status_for(error, context);
  if (status == TOMADA_E_UNAUTHENTICATED)
    return {status, error.code == "api_key_expired"
                        ? "credentials.api_key: expired; enter the new one"
                        : "credentials.api_key: Stripe does not accept it; test and live keys are different worlds"};
  if (error.code == "account_invalid" && context.has_account)
    return {TOMADA_E_INVALID_CONFIG, "config.account: the key has no access to this account"};
  std::string message = in_its_own_words(error, context);
  if (status == TOMADA_E_FORBIDDEN) message += "; give the restricted key read permission for it";
  if (error.type.empty() && error.code.empty())
    message += " (not an error of Stripe's: config.base_url says who was asked)";
  return {status, std::move(message)};
}

}  // namespace

Failure failure_of(const ErrorReply& error, const ErrorContext& context) {
  const std::string& code = error.code.empty() ? error.type : error.code;
  return bare_failure(error, context)
      .http_status(context.http_status)
      .provider_code(without_keys(code).substr(0, k_code_bytes_max))
      .retry_after_ms(context.retry_after_ms);
}

bool is_cursor_gone(const ErrorReply& error, std::uint32_t http_status) {
  if ((http_status != 400 && http_status != 404) || error.code != "resource_missing") return false;
  return error.param.empty() || error.param == "ending_before" || error.param == "starting_after";
}

}  // namespace stripe
