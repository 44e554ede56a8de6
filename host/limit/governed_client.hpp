// The layer that asks the account's budget before each request, and tells it what the answer said.
#pragma once

#include "host/http/client.hpp"
#include "host/limit/governor.hpp"

#include <memory>

namespace tomada::limit {

struct Sender {
  std::shared_ptr<Account> account;
  std::uint32_t tenant{};  // Account::tenant()
  Lane lane{Lane::interactive};
};

/// `inner` is borrowed. open() waits, suspended, for room (see Account::acquire for its errors). The head of an answer that
/// is a refusal has `throttled` set, and `retry_after` if it said so.
std::unique_ptr<http::Client> make_governed_client(http::Client& inner, Sender sender);

}  // namespace tomada::limit
