#include "host/base/result.hpp"

namespace tomada {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::cancelled: return "cancelled";
    case Errc::deadline: return "deadline";
    case Errc::rate_limited: return "rate_limited";
    case Errc::unauthenticated: return "unauthenticated";
    case Errc::forbidden: return "forbidden";
    case Errc::not_found: return "not_found";
    case Errc::conflict: return "conflict";
    case Errc::invalid_config: return "invalid_config";
    case Errc::invalid_data: return "invalid_data";
    case Errc::unavailable: return "unavailable";
    case Errc::permanent: return "permanent";
    case Errc::unsupported: return "unsupported";
    case Errc::stale_handle: return "stale_handle";
    case Errc::too_new: return "too_new";
    case Errc::internal: return "internal";
  }
  return "internal";
}

Error Error::within(std::string_view context) && {
  message.insert(0, std::string(context) + ": ");
  return std::move(*this);
}

}  // namespace tomada
