// The layer that asks the account's budget before each request, and tells it what the answer said.
#pragma once

#include "host/http/client.hpp"
#include "host/limit/member.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace tomada::limit {

struct Sender {
  std::shared_ptr<Member> member;
  Lane lane{Lane::interactive};
};

/// For metrics. Empty ones are not called.
struct GovernedHooks {
  std::function<void()> throttled;                       // an answer was a refusal
  std::function<void(std::chrono::nanoseconds)> waited;  // before a request that could not go at once
};

/// `inner` is borrowed. open() waits, suspended, for room (see Account::acquire for its errors). The head of an answer that
/// is a refusal has `throttled` set, and `retry_after` if it said so.
std::unique_ptr<http::Client> make_governed_client(http::Client& inner, Sender sender, GovernedHooks hooks = {});

}  // namespace tomada::limit
