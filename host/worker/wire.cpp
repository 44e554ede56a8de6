#include "host/worker/wire.hpp"

namespace tomada::worker {
namespace {

constexpr std::int64_t k_no_time = -1;

}  // namespace

Writer& Writer::put(const Error& error) {
  put(static_cast<std::int32_t>(error.code)).put(std::string_view(error.message));
  put(error.retry_after ? static_cast<std::int64_t>(error.retry_after->count()) : k_no_time);
  return put(static_cast<std::int32_t>(error.http_status)).put(std::string_view(error.provider_code));
}

Error Reader::error() {
  Error error;
  const auto code = get<std::int32_t>();
  error.message = text();
  const auto retry_after_ms = get<std::int64_t>();
  error.http_status = get<std::int32_t>();
  error.provider_code = text();
  const bool is_known = code >= static_cast<std::int32_t>(Errc::cancelled) && code <= static_cast<std::int32_t>(Errc::internal);
  good_ = good_ && is_known && retry_after_ms >= k_no_time;
  error.code = is_known ? static_cast<Errc>(code) : Errc::internal;
  if (retry_after_ms >= 0) error.retry_after = std::chrono::milliseconds(retry_after_ms);
  return error;
}

}  // namespace tomada::worker
