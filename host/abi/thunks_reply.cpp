// The service reply.
#include "host/abi/call.hpp"
#include "host/abi/thunks.hpp"

#include <algorithm>

namespace tomada::abi {
namespace {

constexpr std::uint32_t k_status_min = 200;
constexpr std::uint32_t k_status_max = 499;
constexpr std::uint64_t k_body_bytes_max = 64 * 1024;
constexpr std::uint64_t k_content_type_bytes_max = 255;

/// It becomes a header: nothing that could end the line or begin another.
bool is_header_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

tomada_status reply_set(tomada_call handle, tomada_reply reply, std::uint32_t status, tomada_slice content_type,
                        tomada_slice body) {
  return in_call(handle, [&](Call& call) -> tomada_status {
    if (reply == 0) return call.keep(fail(Errc::unsupported, "reply: nobody waits for an answer to this event"));
    auto* const owned = static_cast<OwnedReply*>(call.find(reply, HandleKind::reply));
    if (owned == nullptr) return TOMADA_E_STALE_HANDLE;
    if (status < k_status_min || status > k_status_max)
      return call.refuse(Errc::invalid_data, "reply: the status must be from 200 to 499");
    if (!is_sound(content_type) || !is_sound(body)) return call.refuse(Errc::invalid_data, "reply: set() is malformed");
    if (content_type.len > k_content_type_bytes_max || !is_header_text(view_of(content_type)))
      return call.refuse(Errc::invalid_data, "reply: the content type is no header text of at most 255 bytes");
    if (body.len > k_body_bytes_max) return call.refuse(Errc::invalid_data, "reply: a body of more than 64 KiB");
    if (owned->answered) return call.refuse(Errc::invalid_data, "reply: this event has its answer already");
    const auto result = call.services().reply(static_cast<int>(status), view_of(content_type), view_of(body));
    owned->answered = result.has_value();
    return call.status_of(result);
  });
}

}  // namespace

const tomada_reply_service k_reply_service{sizeof(tomada_reply_service), 0, reply_set};

}  // namespace tomada::abi
