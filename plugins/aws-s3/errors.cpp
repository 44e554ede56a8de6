#include "errors.hpp"

#include <tomada/http.hpp>

#include <algorithm>
#include <array>

namespace aws_s3 {
namespace {

using tomada::sdk::Failure;

struct Known {
  std::string_view code;
  tomada_status status;
  std::string_view message;  // empty: S3's own
};

constexpr std::size_t k_code_bytes_max = 100;
constexpr std::string_view k_slow = "S3 asks for fewer requests";

constexpr auto k_known = std::to_array<Known>({
    {"InvalidAccessKeyId", TOMADA_E_UNAUTHENTICATED, "credentials.access_key_id: S3 does not know this key"},
    {"SignatureDoesNotMatch", TOMADA_E_UNAUTHENTICATED,
     "credentials.secret_access_key: it does not belong to the access key id"},
    {"ExpiredToken", TOMADA_E_UNAUTHENTICATED, "credentials.session_token: expired; connect again with fresh keys"},
    {"TokenRefreshRequired", TOMADA_E_UNAUTHENTICATED,
     "credentials.session_token: expired; connect again with fresh keys"},
    {"InvalidToken", TOMADA_E_UNAUTHENTICATED,
     "credentials.session_token: S3 does not accept it; temporary keys (ASIA...) need theirs, others none"},
    {"InvalidSecurity", TOMADA_E_UNAUTHENTICATED, ""},
    {"NotSignedUp", TOMADA_E_UNAUTHENTICATED, ""},
    {"AccessDenied", TOMADA_E_FORBIDDEN, "the key may not list this bucket: allow it s3:ListBucket"},
    {"AllAccessDisabled", TOMADA_E_FORBIDDEN, ""},
    {"AccountProblem", TOMADA_E_FORBIDDEN, ""},
    {"NoSuchBucket", TOMADA_E_NOT_FOUND, "config.bucket: there is no bucket of this name"},
    {"InvalidBucketName", TOMADA_E_INVALID_CONFIG, "config.bucket: S3 does not allow this name"},
    {"RequestTimeTooSkewed", TOMADA_E_UNAVAILABLE,
     "the clock of this machine is more than 15 minutes off: set it, then sync again"},
    {"SlowDown", TOMADA_E_RATE_LIMITED, k_slow},
    {"ServiceUnavailable", TOMADA_E_RATE_LIMITED, k_slow},
    {"Throttling", TOMADA_E_RATE_LIMITED, k_slow},
    {"ThrottlingException", TOMADA_E_RATE_LIMITED, k_slow},
    {"RequestThrottled", TOMADA_E_RATE_LIMITED, k_slow},
    {"RequestLimitExceeded", TOMADA_E_RATE_LIMITED, k_slow},
    {"TooManyRequests", TOMADA_E_RATE_LIMITED, k_slow},
    {"InternalError", TOMADA_E_UNAVAILABLE, ""},
    {"RequestTimeout", TOMADA_E_UNAVAILABLE, ""},
    {"TemporaryRedirect", TOMADA_E_UNAVAILABLE, "the bucket was made moments ago and its address is not known yet"},
});

/// S3's own words, short: compatible servers have put whole requests in there.
std::string in_its_own_words(const ErrorReply& error) {
  constexpr std::size_t k_message_bytes_max = 300;
  return "S3 answered " + error.code.substr(0, k_code_bytes_max) + ": " + error.message.substr(0, k_message_bytes_max);
}

tomada_status status_for(std::uint32_t http_status) {
  // An error document behind a 200 is S3 giving up after it had begun to answer.
  if (http_status < 300) return TOMADA_E_UNAVAILABLE;
  if (http_status == 503) return TOMADA_E_RATE_LIMITED;
  if (http_status < 400) return TOMADA_E_INVALID_CONFIG;
  return tomada::sdk::Response::status_for_http(http_status);
}

/// Wrong-region answers: INVALID_CONFIG with the right one.
bool names_a_region(const ErrorReply& error, const ErrorContext& context) {
  constexpr auto k_codes = std::to_array<std::string_view>(
      {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"});
  const bool is_about_regions = std::find(k_codes.begin(), k_codes.end(), error.code) != k_codes.end();
  const bool is_elsewhere = !context.bucket_region.empty() && context.bucket_region != context.configured_region &&
                            (context.http_status == 301 || context.http_status == 400);
  return is_about_regions || is_elsewhere;
}

Failure wrong_region(const ErrorReply& error, const ErrorContext& context) {
  const std::string& region = !error.region.empty() ? error.region : context.bucket_region;
  std::string message = "config.region: the bucket " + std::string(context.bucket) + " is not in " +
                        std::string(context.configured_region);
  if (!region.empty())
    message += "; set it to " + region.substr(0, 64);
  else if (!error.endpoint.empty())
    message += "; its address is " + error.endpoint.substr(0, 200);
  return {TOMADA_E_INVALID_CONFIG, std::move(message)};
}

Failure bare_failure(const ErrorReply& error, const ErrorContext& context) {
  if (names_a_region(error, context)) {
    // Malformed without a region is about the key itself.
    if (error.code == "AuthorizationHeaderMalformed" && error.region.empty() && context.bucket_region.empty())
      return {TOMADA_E_UNAUTHENTICATED, "credentials.access_key_id: S3 cannot read it: " + in_its_own_words(error)};
    return wrong_region(error, context);
  }
  const auto known = std::find_if(k_known.begin(), k_known.end(), [&](const Known& k) { return k.code == error.code; });
  if (known != k_known.end())
    return {known->status, known->message.empty() ? in_its_own_words(error) : std::string(known->message)};
  const tomada_status status = status_for(context.http_status);
  if (!error.code.empty()) return {status, in_its_own_words(error)};
  if (status == TOMADA_E_RATE_LIMITED) return {status, std::string(k_slow)};
  return {status, "listing the bucket gave HTTP " + std::to_string(context.http_status) +
                      " without an S3 error; config.endpoint and config.path_style say where it was asked"};
}

}  // namespace

Failure failure_of(const ErrorReply& error, const ErrorContext& context) {
  return bare_failure(error, context)
      .http_status(context.http_status)
      .provider_code(error.code.substr(0, k_code_bytes_max))
      .retry_after_ms(context.retry_after_ms);
}

}  // namespace aws_s3
