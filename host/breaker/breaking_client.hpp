// The layer that asks the circuit breaker before each request, and tells it how the request ended.
#pragma once

#include "host/breaker/breakers.hpp"
#include "host/http/client.hpp"

#include <memory>

namespace tomada::breaker {

/// `inner` is borrowed. A failure is a request without an answer (but for a layer's own refusal: RATE_LIMITED, FORBIDDEN, a
/// cancelled call) and 500 and above; a refusal because of a limit is neither failure nor success.
std::unique_ptr<http::Client> make_breaking_client(http::Client& inner, std::shared_ptr<Circuit> circuit, Policy policy);

}  // namespace tomada::breaker
