// Takes known secret values out of text that people will see.
#pragma once

#include "host/credentials/vault.hpp"

#include <string>
#include <string_view>

namespace tomada::service {

/// Shorter values would redact everyday words.
inline constexpr std::size_t k_redacted_bytes_min = 4;

/// `text` with every value of `credentials` (as it is, percent-encoded, and in base64) replaced by ***.
std::string redact(std::string_view text, const credentials::Credentials& credentials);

}  // namespace tomada::service
