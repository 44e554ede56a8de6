// The one error style of the glue: whatever a plugin cannot mend ends its call by throwing a Failure, and the frame
// that TOMADA_PLUGIN puts around every call turns it into the status and the detail that the host keeps.
//
// Never wait inside a `catch` block or in a destructor: a service tagged [may-suspend] lets other calls run on this
// thread meanwhile. Copy what is needed, leave the block, then call the service.
#pragma once

#include <tomada/plugin.h>

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace tomada::sdk {

/// Text as the interface passes it; borrows `text`.
inline tomada_slice slice(std::string_view text) { return tomada_slice{text.data(), text.size()}; }

/// Text from the interface; borrows, as long as the function that handed it out says.
inline std::string_view view(tomada_slice text) {
  return text.len == 0 ? std::string_view() : std::string_view(text.ptr, text.len);
}

/// A zeroed struct of the interface with its size set: auto request = make<tomada_http_request>();
template <class T>
T make() {
  T value{};
  value.struct_size = sizeof(T);
  return value;
}

/// Why a call cannot go on. The message is for a person: what failed and how to mend it; no secret, no whole body.
class Failure : public std::exception {
 public:
  Failure(tomada_status status, std::string message) : status_(status), message_(std::move(message)) {}

  /// What a service answered. Without a message of the plugin's, the host keeps its own, which knows the details.
  explicit Failure(tomada_status status) : Failure(status, std::string()) {}

  Failure&& http_status(std::uint32_t status) && { return http_status_ = status, std::move(*this); }
  Failure&& provider_code(std::string code) && { return provider_code_ = std::move(code), std::move(*this); }
  /// 0: the host's own backoff.
  Failure&& retry_after_ms(std::uint64_t ms) && { return retry_after_ms_ = ms, std::move(*this); }

  [[nodiscard]] tomada_status status() const { return status_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] std::uint32_t http_status() const { return http_status_; }
  [[nodiscard]] const std::string& provider_code() const { return provider_code_; }
  [[nodiscard]] std::uint64_t retry_after_ms() const { return retry_after_ms_; }

  const char* what() const noexcept override {
    return message_.empty() ? "a host service ended the call" : message_.c_str();
  }

 private:
  tomada_status status_;
  std::uint32_t http_status_{0};
  std::uint64_t retry_after_ms_{0};
  std::string message_;
  std::string provider_code_;
};

/// Throws unless a service answered TOMADA_OK.
inline void check(tomada_status status) {
  if (status != TOMADA_OK) throw Failure(status);
}

}  // namespace tomada::sdk
