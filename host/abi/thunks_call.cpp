// The services call, log and clock.
#include "host/abi/call.hpp"
#include "host/abi/thunks.hpp"

#include <algorithm>

namespace tomada::abi {
namespace {

using std::chrono::milliseconds;

/// Longer waits are not asked for in earnest and would overflow the clock's arithmetic.
constexpr std::uint64_t k_duration_ms_max = 30ull * 24 * 3600 * 1000;

milliseconds duration_of(std::uint64_t ms) {
  return milliseconds(static_cast<milliseconds::rep>(std::min(ms, k_duration_ms_max)));
}

tomada_status call_fail(tomada_call handle, tomada_status status, const tomada_error* error) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_known_status(status)) return status;  // reported when the call returns it
    tomada_error given{};
    if (error != nullptr) {
      if (const tomada_status read = read_struct(error, given); read != TOMADA_OK)
        return call.refuse(static_cast<Errc>(read), "fail(): the tomada_error is malformed or too new", "C08");
      if (!is_sound(given.message) || !is_sound(given.provider_code))
        return call.refuse(Errc::invalid_data, "fail(): a text is malformed");
    }
    if (status == TOMADA_OK) return status;
    Error detail{static_cast<Errc>(status), clean_text(view_of(given.message), k_detail_bytes_max)};
    detail.provider_code = clean_text(view_of(given.provider_code), k_detail_bytes_max);
    if (given.http_status >= 100 && given.http_status <= 599) detail.http_status = static_cast<int>(given.http_status);
    if (given.retry_after_ms != 0) detail.retry_after = duration_of(given.retry_after_ms);
    call.said = std::move(detail);
    return status;
  });
}

tomada_status call_check(tomada_call handle) {
  return in_call(handle, [](Call& call) { return call.status_of(call.services().check()); });
}

std::uint64_t call_remaining_ms(tomada_call handle) {
  return in_call<std::uint64_t>(handle, 0, [](Call& call) {
    return static_cast<std::uint64_t>(std::max(milliseconds::rep{0}, call.services().remaining().count()));
  });
}

void log_write(tomada_call handle, std::int32_t level, tomada_slice message) {
  in_call(handle, [&](Call& call) -> tomada_status {
    if (!is_sound(message)) return call.refuse(Errc::invalid_data, "log: the message is malformed");
    const bool known = level >= TOMADA_LOG_DEBUG && level <= TOMADA_LOG_ERROR;
    call.services().log(known ? static_cast<LogLevel>(level) : LogLevel::info, view_of(message));
    return TOMADA_OK;
  });
}

tomada_unix_ms clock_now_ms(tomada_call handle) {
  return in_call<tomada_unix_ms>(handle, 0, [](Call& call) { return call.services().now_ms(); });
}

tomada_status clock_sleep_ms(tomada_call handle, std::uint64_t duration_ms) {
  return in_call(handle, [&](Call& call) { return call.status_of(call.services().sleep(duration_of(duration_ms))); });
}

}  // namespace

const tomada_call_service k_call_service{sizeof(tomada_call_service), 0, call_fail, call_check, call_remaining_ms};
const tomada_log_service k_log_service{sizeof(tomada_log_service), 0, log_write};
const tomada_clock_service k_clock_service{sizeof(tomada_clock_service), 0, clock_now_ms, clock_sleep_ms};

}  // namespace tomada::abi
