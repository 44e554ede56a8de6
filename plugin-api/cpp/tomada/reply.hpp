// The answer to a webhook whose provider waits for it.
#pragma once

#include "tomada/services.hpp"

namespace tomada::sdk {

/// One answer at most; it is sent when handle_webhook() comes back normally.
class Reply {
 public:
  Reply(const tomada_reply_service* service, tomada_call call, tomada_reply handle)
      : service_(service), call_(call), handle_(handle) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  /// Does the provider wait? Not when the event is worked off later.
  [[nodiscard]] bool wanted() const { return handle_ != 0; }

  /// `status` 200 to 499, `body` up to 64 KiB. A Failure (UNSUPPORTED) when nobody waits.
  void set(std::uint32_t status, std::string_view content_type, std::string_view body) const {
    check(Services::need(service_, TOMADA_REPLY_ID).set(call_, handle_, status, slice(content_type), slice(body)));
  }

 private:
  const tomada_reply_service* service_;
  tomada_call call_;
  tomada_reply handle_;
};

}  // namespace tomada::sdk
