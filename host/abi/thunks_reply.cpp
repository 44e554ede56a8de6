// The service reply.
#include "host/abi/call.hpp"
#include "host/abi/checks.hpp"
#include "host/abi/thunks.hpp"

namespace tomada::abi {
namespace {

tomada_status reply_set(tomada_call handle, tomada_reply reply, std::uint32_t status, tomada_slice content_type,
                        tomada_slice body) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (reply == 0) return call.keep(fail(Errc::unsupported, "reply: nobody waits for an answer to this event"));
    auto* const owned = static_cast<OwnedReply*>(call.find(reply, HandleKind::reply));
    if (owned == nullptr) return TOMADA_E_STALE_HANDLE;
    if (!is_sound(content_type) || !is_sound(body)) return call.refuse(Errc::invalid_data, "reply: set() is malformed");
    if (const auto checked = check_reply(status, view_of(content_type), view_of(body)); checked.has_error())
      return call.refuse(checked.error().code, checked.error().message);
    if (owned->answered) return call.refuse(Errc::invalid_data, "reply: this event has its answer already", "C11");
    const auto result = call.services().reply(static_cast<int>(status), view_of(content_type), view_of(body));
    owned->answered = result.has_value();
    return call.status_of(result);
  });
}

}  // namespace

const tomada_reply_service k_reply_service{sizeof(tomada_reply_service), 0, reply_set};

}  // namespace tomada::abi
