// Errors as RFC 9457 problem details: {type, title, status, detail, code, errors?}.
#pragma once

#include "host/serve/message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tomada::serve {

struct FieldError {
  std::string field;
  std::string detail;
};

/// `code` is the word that programs read; `detail` is the sentence for people.
Answer problem(int status, Errc code, std::string detail, const std::vector<FieldError>& errors = {});
/// An INVALID_CONFIG or INVALID_DATA error whose message is "field: why", as 422 with that field in `errors`.
Answer field_problem(const Error& error);
Answer field_problem(std::string field, std::string why);

int status_of(Errc code);
std::string_view reason_phrase(int status);

}  // namespace tomada::serve
