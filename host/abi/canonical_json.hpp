// One text for equal JSON: keys sorted, no spaces, one spelling for each number and string.
#pragma once

#include "host/base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tomada::abi {

/// Keeps its parser's memory between texts; one for each call, not thread-safe.
class CanonicalJson {
 public:
  CanonicalJson();
  CanonicalJson(CanonicalJson&&) noexcept;
  ~CanonicalJson();

  /// INVALID_DATA: not a JSON object, not UTF-8, nested deeper than 64 levels. Of a key given twice the last counts.
  Result<std::string> object(std::string_view text);
  /// The same judgement.
  Result<void> check_object(std::string_view text);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace tomada::abi
