// The headers of a request as they are kept: text lines, without what is secret.
#pragma once

#include "host/scheme/scheme.hpp"
#include "host/webhook/receiving.hpp"

#include <string>

namespace tomada::webhook {

/// "Tomada-Request: POST /webhooks/…?…\n" and one line for each header but those of the connection. Values that carry a
/// secret, in headers or in the query, are ***.
std::string stored_headers(const Request& request, const scheme::Webhook& webhook);

}  // namespace tomada::webhook
