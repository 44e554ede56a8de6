// Bytes as text: hex, base64, percent-encoding, UTF-8, RFC 3339 times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tomada {

std::string hex_encode(std::string_view bytes);  // lower case
std::optional<std::string> hex_decode(std::string_view text);

std::string base64_encode(std::string_view bytes);  // standard alphabet, padded
/// Takes both alphabets and missing padding; nothing else.
std::optional<std::string> base64_decode(std::string_view text);

/// RFC 3986: every byte outside A-Za-z0-9-._~ (and outside `keep`) as %XX in upper case.
std::string percent_encode(std::string_view bytes, std::string_view keep = {});
/// nullopt for a '%' without two hex digits.
std::optional<std::string> percent_decode(std::string_view text);

bool is_utf8(std::string_view bytes);

/// "2026-01-10T15:30:00.000Z" from milliseconds since 1970.
std::string format_time(std::int64_t unix_ms);
/// The reverse; offsets and missing fractions are understood.
std::optional<std::int64_t> parse_time(std::string_view text);

}  // namespace tomada
