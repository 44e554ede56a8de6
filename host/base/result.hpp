// Outcomes. What the world does (timeout, refusal, bad input) is a Result; what a bug does is TOMADA_ASSERT.
#pragma once

#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tomada {

/// The closed set of outcomes, numbered as TOMADA_OK … TOMADA_E_INTERNAL in plugin.h (tests/abi/layout_test.cpp compares).
enum class Errc : std::int32_t {
  cancelled = 1,
  deadline,
  rate_limited,
  unauthenticated,
  forbidden,
  not_found,
  conflict,
  invalid_config,
  invalid_data,
  unavailable,
  permanent,
  unsupported,
  stale_handle,
  too_new,
  internal,
};

/// "rate_limited" …: the word used in logs, the API and the store.
std::string_view to_string(Errc code);

struct Error {
  Errc code{Errc::internal};
  std::string message;
  std::optional<std::chrono::milliseconds> retry_after{};
  int http_status{};          // the provider's; 0: none
  std::string provider_code{};

  /// The same error with "context: " before its message.
  [[nodiscard]] Error within(std::string_view context) &&;
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Brackets the common cases: `return fail(Errc::not_found, "no tenant named x")`.
inline Error fail(Errc code, std::string message) { return Error{code, std::move(message)}; }

}  // namespace tomada

#define TOMADA_CONCAT_(a, b) a##b
#define TOMADA_CONCAT(a, b) TOMADA_CONCAT_(a, b)

/// Returns the error of a Result<void> expression to the caller.
#define TOMADA_TRY(expression)                                         \
  do {                                                                 \
    if (auto tomada_result_ = (expression); tomada_result_.has_error()) \
      return std::move(tomada_result_).error();                        \
  } while (false)

/// `TOMADA_TRY_ASSIGN(auto row, store.find(id));` declares or assigns, or returns the error to the caller.
#define TOMADA_TRY_ASSIGN(target, expression)                                                             \
  auto TOMADA_CONCAT(tomada_result_, __LINE__) = (expression);                                            \
  if (TOMADA_CONCAT(tomada_result_, __LINE__).has_error())                                                \
    return std::move(TOMADA_CONCAT(tomada_result_, __LINE__)).error();                                    \
  target = *std::move(TOMADA_CONCAT(tomada_result_, __LINE__))
