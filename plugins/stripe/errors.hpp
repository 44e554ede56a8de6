// What Stripe's errors mean for the integration.
#pragma once

#include "reply.hpp"

#include <tomada/failure.hpp>

#include <optional>

namespace stripe {

struct ErrorContext {
  std::uint32_t http_status{};
  std::uint64_t retry_after_ms{};
  std::optional<bool> should_retry;  // header Stripe-Should-Retry
  std::string_view path;             // what was asked, for the message
  bool has_account{false};           // config.account is set
};

/// `error` is empty when the body was not Stripe's. The message never holds a key, not even a part of one.
tomada::sdk::Failure failure_of(const ErrorReply& error, const ErrorContext& context);

/// Did Stripe say that the id in starting_after or ending_before is not known (any more)?
bool is_cursor_gone(const ErrorReply& error, std::uint32_t http_status);

}  // namespace stripe
