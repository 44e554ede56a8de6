// The layer that follows redirects. It stands above the signing layer, so that each hop is signed anew.
#pragma once

#include "host/http/client.hpp"

#include <memory>

namespace tomada::http {

/* Follows up to k_redirects_max redirects of requests whose `may_follow` is set, inside the request's one timeout:
 * - 303, and 301 and 302 after a POST, continue as GET without the body; the others repeat method and body.
 * - A body that was streamed cannot be sent again: such a redirect is returned as the answer.
 * - To another origin, the caller's Authorization and Cookie headers are left out.
 * finish() also returns what may_follow said; FORBIDDEN: from https to http; INVALID_DATA: too many, or a Location that
 * is no URL. `inner` is borrowed. */
std::unique_ptr<Client> make_redirecting_client(Client& inner);

}  // namespace tomada::http
