// One running call: the way from a plugin's code to the host's services.
#pragma once

#include "tomada/crypto.hpp"
#include "tomada/http.hpp"
#include "tomada/record.hpp"
#include "tomada/storage.hpp"

namespace tomada::sdk {

class Log {
 public:
  /// Without the service every line is dropped.
  Log(const tomada_log_service* log, tomada_call call) : log_(log), call_(call) {}

  void debug(std::string_view message) const { write(TOMADA_LOG_DEBUG, message); }
  void info(std::string_view message) const { write(TOMADA_LOG_INFO, message); }
  void warn(std::string_view message) const { write(TOMADA_LOG_WARN, message); }
  void error(std::string_view message) const { write(TOMADA_LOG_ERROR, message); }

 private:
  void write(std::int32_t level, std::string_view message) const {
    if (log_ != nullptr) log_->write(call_, level, slice(message));
  }
  const tomada_log_service* log_;
  tomada_call call_;
};

/// Valid until the plugin's function returns, on its thread only.
class Call {
 public:
  Call(const Services& services, tomada_call handle) : services_(services), handle_(handle) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // A service that the host lacks is a Failure (UNSUPPORTED) which names it; see k_services in plugin.hpp.
  [[nodiscard]] Http http() const { return {Services::need(services_.http, TOMADA_HTTP_ID), handle_}; }
  [[nodiscard]] Records records() const { return {Services::need(services_.records, TOMADA_RECORDS_ID), handle_}; }
  [[nodiscard]] Storage storage() const { return {Services::need(services_.storage, TOMADA_STORAGE_ID), handle_}; }
  [[nodiscard]] Credentials credentials() const {
    return {Services::need(services_.credentials, TOMADA_CREDENTIALS_ID), handle_};
  }
  [[nodiscard]] Crypto crypto() const { return Crypto(Services::need(services_.crypto, TOMADA_CRYPTO_ID)); }
  [[nodiscard]] Log log() const { return {services_.log, handle_}; }

  /// Ends the call when it was cancelled or its time is over. For loops that call no service.
  void check() const { sdk::check(calls().check(handle_)); }
  [[nodiscard]] std::uint64_t remaining_ms() const { return calls().remaining_ms(handle_); }

  [[nodiscard]] tomada_unix_ms now_ms() const { return clock().now_ms(handle_); }
  /// Waits. 0 lets other calls run first.
  void sleep_ms(std::uint64_t duration_ms) const { sdk::check(clock().sleep_ms(handle_, duration_ms)); }

  [[nodiscard]] tomada_call handle() const { return handle_; }

 private:
  [[nodiscard]] const tomada_call_service& calls() const { return Services::need(services_.call, TOMADA_CALL_ID); }
  [[nodiscard]] const tomada_clock_service& clock() const { return Services::need(services_.clock, TOMADA_CLOCK_ID); }

  const Services& services_;
  tomada_call handle_;
};

}  // namespace tomada::sdk
